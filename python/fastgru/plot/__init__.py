"""Plots of a fitted estimator with matplotlib: loss curve, errors, gates."""

from fastgru.plot._errors import confusion_matrix, predicted_vs_true
from fastgru.plot._training import gates, loss_curve

__all__ = ["confusion_matrix", "gates", "loss_curve", "predicted_vs_true"]

"""Plots of a fitted estimator with matplotlib: loss curve, errors, gates, anomalies."""

from fastgru.plot._anomalies import anomalies
from fastgru.plot._errors import confusion_matrix, predicted_vs_true
from fastgru.plot._training import gates, loss_curve

__all__ = ["anomalies", "confusion_matrix", "gates", "loss_curve", "predicted_vs_true"]

"""Pictures of a fitted estimator: its loss curve, its errors, its gates. They need matplotlib."""

from fastgru.plot._errors import confusion_matrix, predicted_vs_true
from fastgru.plot._training import gates, loss_curve

__all__ = ["confusion_matrix", "gates", "loss_curve", "predicted_vs_true"]

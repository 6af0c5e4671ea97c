"""Plots with matplotlib: estimators (loss curve, errors, gates, anomalies, attention), forecasts."""

from fastgru.plot._anomalies import anomalies
from fastgru.plot._attention import attention
from fastgru.plot._backtest import backtest, calibration
from fastgru.plot._errors import confusion_matrix, predicted_vs_true
from fastgru.plot._forecast import forecast
from fastgru.plot._training import gates, loss_curve

__all__ = [
    "anomalies",
    "attention",
    "backtest",
    "calibration",
    "confusion_matrix",
    "forecast",
    "gates",
    "loss_curve",
    "predicted_vs_true",
]

"""Plots with matplotlib: fitted estimators (loss curve, errors, gates, anomalies), forecasts, backtests."""

from fastgru.plot._anomalies import anomalies
from fastgru.plot._backtest import backtest, calibration
from fastgru.plot._errors import confusion_matrix, predicted_vs_true
from fastgru.plot._forecast import forecast
from fastgru.plot._training import gates, loss_curve

__all__ = [
    "anomalies",
    "backtest",
    "calibration",
    "confusion_matrix",
    "forecast",
    "gates",
    "loss_curve",
    "predicted_vs_true",
]

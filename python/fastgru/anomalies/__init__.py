"""Anomalies in time series: the steps that a GRU's one-step forecasts did not expect."""

from fastgru.anomalies.detector import GRUAnomalyDetector

__all__ = ["GRUAnomalyDetector"]

"""Forecasts of time series with intervals, and how good they are."""

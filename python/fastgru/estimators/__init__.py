"""The scikit-learn estimators. Importing this package imports scikit-learn; ``import fastgru`` does not."""

from fastgru.estimators.classifier import GRUClassifier
from fastgru.estimators.regressor import GRURegressor
from fastgru.estimators.scaler import SequenceScaler

__all__ = ["GRUClassifier", "GRURegressor", "SequenceScaler"]

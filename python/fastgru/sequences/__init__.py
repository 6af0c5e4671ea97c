"""Estimators for sequences of symbols: texts, words, phones, notes, moves."""

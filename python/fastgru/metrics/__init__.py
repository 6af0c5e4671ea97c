"""Scores of texts, token sequences and language models: BLEU, chrF, error rates, perplexity.

As in scikit-learn, the true values come first and the predictions second: other packages of machine
translation (sacrebleu) take the predictions first. Each score of a list is one number over all of its samples
together, as papers report it, not a mean of scores.
"""

from fastgru.metrics._bleu import bleu
from fastgru.metrics._chrf import chrf
from fastgru.metrics._edits import character_error_rate, edit_distance, token_error_rate, word_error_rate
from fastgru.metrics._likelihood import bits_per_token, perplexity

__all__ = [
    "bits_per_token",
    "bleu",
    "character_error_rate",
    "chrf",
    "edit_distance",
    "perplexity",
    "token_error_rate",
    "word_error_rate",
]

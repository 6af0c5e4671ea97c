"""The interpolated Kneser-Ney model of n-grams, the rival of language models of words.

R. Kneser and H. Ney, "Improved backing-off for M-gram language modeling", ICASSP 1995; interpolated, with
one discount for each order, n1 / (n1 + 2 n2), as in S. F. Chen and J. Goodman, "An empirical study of
smoothing techniques for language modeling", Computer Speech and Language 13, 1999. nltk's took more than ten
minutes for a book.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence


class KneserNey:
    """An n-gram model of ids from 0 to `size` - 1.

    p(w | h) = max(c(h w) - D, 0) / c(h) + D N(h) / c(h) * p(w | h without its first), where N(h) is the
    number of words seen after h; below the highest order c counts the different words before. The lowest is
    1 / size.
    """

    def __init__(self, text: Sequence[int], order: int, size: int) -> None:
        self.order, self.size = order, size
        self._grams: list[Counter[tuple[int, ...]]] = [Counter() for _ in range(order + 1)]
        highest: Counter[tuple[int, ...]] = Counter(
            tuple(text[i : i + order]) for i in range(len(text) - order + 1)
        )
        self._grams[order] = highest
        for n in range(order - 1, 0, -1):
            for gram in self._grams[n + 1]:
                self._grams[n][gram[1:]] += 1
        self._sums: list[dict[tuple[int, ...], int]] = [defaultdict(int) for _ in range(order + 1)]
        self._followers: list[dict[tuple[int, ...], int]] = [defaultdict(int) for _ in range(order + 1)]
        self._discounts = [0.0] * (order + 1)
        for n in range(1, order + 1):
            ones = twos = 0
            for gram, count in self._grams[n].items():
                self._sums[n][gram[:-1]] += count
                self._followers[n][gram[:-1]] += 1
                ones += count == 1
                twos += count == 2
            self._discounts[n] = ones / (ones + 2 * twos) if ones else 0.5

    def probability(self, gram: tuple[int, ...]) -> float:
        """Return p of the last of `gram` after those before it."""
        value = 1.0 / self.size
        for n in range(1, len(gram) + 1):
            part = gram[-n:]
            total = self._sums[n].get(part[:-1], 0)
            if total == 0:
                break
            discount = self._discounts[n]
            left = discount * self._followers[n][part[:-1]] / total
            value = max(self._grams[n].get(part, 0) - discount, 0.0) / total + left * value
        return value

    def perplexity(self, text: Sequence[int]) -> float:
        """Return the perplexity of a text behind its first `order` - 1 words."""
        grams = [tuple(text[i : i + self.order]) for i in range(len(text) - self.order + 1)]
        return math.exp(-sum(math.log(self.probability(gram)) for gram in grams) / len(grams))

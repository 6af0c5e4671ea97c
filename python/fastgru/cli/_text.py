"""Number formatting of the demo."""

from __future__ import annotations


def number(value: float, digits: int) -> str:
    """Return a non-negative number with at least `digits` digits, and an exponent only if needed."""
    if value < 1e-4 or value >= 1e9:
        return f"{value:.{digits - 1}e}" if value else "0"
    if value >= 10.0 ** (digits - 1):
        return f"{value:.0f}"
    return f"{value:#.{digits}g}"


def count(amount: int, plural: str) -> str:
    """Return "1 month", "12 months"."""
    return f"{amount} {plural.removesuffix('s') if amount == 1 else plural}"

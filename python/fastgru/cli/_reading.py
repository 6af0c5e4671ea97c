"""The options for reading a user's file."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reading:
    """How to read a file; what is left open is found out from the file.

    Attributes
    ----------
    target : str or None
        Name or number (from 1) of the column to forecast.
    encoding : str or None
        Encoding of the text; None: UTF-8, or UTF-16 and UTF-32 where the bytes show it.
    delimiter : str or None
        The character between cells; a space stands for any number of blanks.
    decimal : str or None
        The decimal mark, "." or ",".
    header : bool
        Whether the first line holds column names.
    skip_lines : int
        Lines to leave out at the beginning of the file.
    dates : bool
        Whether to look for dates.
    date_format : str or None
        Format of the dates, as `strptime` writes it.
    sort : bool
        Whether to sort the rows by date.
    """

    target: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    decimal: str | None = None
    header: bool = True
    skip_lines: int = 0
    dates: bool = True
    date_format: str | None = None
    sort: bool = False

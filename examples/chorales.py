"""Learn Bach's chorales beat by beat, beside a trigram model of each voice, and write one as a MIDI file.

    pip download --no-deps music21
    python examples/chorales.py music21-*.whl --midi chorale.mid

The archive is read as it lies (corpus/bach/*.mxl: MusicXML); music21 itself is not needed. A step is a
quarter: the pitches that sound on the beat, from the highest voice down, one token each. The network
knows what was sung before and the voices above; the trigrams know what a voice sang on the two beats before.
Settings of one tune are on one side of the split. Both models learn each chorale in seven keys.
"""

from __future__ import annotations

import argparse
import io
import struct
import time
import warnings
import zipfile
from collections import Counter, defaultdict
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from sklearn.exceptions import ConvergenceWarning

import fastgru

PITCHES, SHIFTS = 55, range(-3, 4)
Chords = list[tuple[int, ...]]


def voice(part: ElementTree.Element) -> list[int]:
    """Return the pitch that sounds on each beat of a part; 0 is a rest."""
    now, divisions, beats = 0.0, 1, []
    for one in part.iter():
        divisions = int(one.text or 1) if one.tag == "divisions" else divisions
        if one.tag == "note" and one.find("grace") is None and one.find("chord") is None:
            pitch = 0
            if one.find("pitch") is not None:
                octave, alter = one.findtext("pitch/octave", "4"), one.findtext("pitch/alter", "0")
                pitch = (
                    "C D EF G A B".index(one.findtext("pitch/step", "C")) + int(alter) + 12 * int(octave) + 12
                )
            now += float(one.findtext("duration", "0")) / divisions
            beats += [pitch] * (int(np.ceil(now)) - len(beats))
    return beats


def chorales(archive: Path) -> dict[tuple[int, ...], list[Chords]]:
    """Return the settings of each tune, which is known by its first intervals."""
    found: dict[tuple[int, ...], list[Chords]] = defaultdict(list)
    with zipfile.ZipFile(archive) as outer:
        for name in sorted(name for name in outer.namelist() if "/bach/" in name and name.endswith(".mxl")):
            with zipfile.ZipFile(io.BytesIO(outer.read(name))) as inner:
                score = next(n for n in inner.namelist() if n.endswith("xml") and "META-INF" not in n)
                parts = [voice(part) for part in ElementTree.fromstring(inner.read(score)).iter("part")]
            if len(parts) == 4 and len({len(part) for part in parts}) == 1 and len(parts[0]) > 8:
                chords = [tuple(sorted({*beat} - {0}, reverse=True)) for beat in zip(*parts, strict=True)]
                tune = tuple(np.diff([chord[0] for chord in chords if chord])[:8].tolist())
                if all(shifted(chords, steps) not in found[tune] for steps in range(-12, 13)):
                    found[tune].append(chords)
    return found


def shifted(chords: Chords, steps: int) -> Chords:
    """Return the chords transposed."""
    return [tuple(pitch + steps for pitch in chord) for chord in chords]


def tokens(chords: Chords) -> list[str]:
    """Return four tokens for each chord; 0 is a voice without a pitch of its own."""
    return [str(pitch) for chord in chords for pitch in (*chord, 0, 0, 0, 0)[:4]]


class Trigrams:
    """A trigram model of one voice, with Witten and Bell's smoothing."""

    def __init__(self, lines: list[list[int]]) -> None:
        self.counts: dict[tuple[int, ...], Counter[int]] = defaultdict(Counter)
        for line in lines:
            for place in range(2, len(line)):
                for order in range(3):
                    self.counts[tuple(line[place - order : place])][line[place]] += 1

    def probability(self, history: tuple[int, ...], pitch: int) -> float:
        """Return the probability of a pitch after others."""
        lower = self.probability(history[1:], pitch) if history else 1 / (PITCHES + 1)
        tally = self.counts.get(history, Counter())
        return (tally[pitch] + len(tally) * lower) / (tally.total() + len(tally)) if tally else lower


def lines_of(chords: Chords) -> list[list[int]]:
    """Return the four lines of pitches of some chords, two rests before them."""
    return [[0, 0, *map(int, tokens(chords)[line::4])] for line in range(4)]


def trigram_cost(train: list[Chords], test: list[Chords]) -> float:
    """Return the negative log-likelihood of a step by trigrams of the four voices."""
    models = [Trigrams(list(lines)) for lines in zip(*map(lines_of, train), strict=True)]
    costs = [
        -np.log(model.probability(tuple(line[i - 2 : i]), line[i]))
        for chords in test
        for model, line in zip(models, lines_of(chords), strict=True)
        for i in range(2, len(line))
    ]
    return float(np.sum(costs)) / sum(map(len, test))


def midi(chords: Chords, path: Path) -> None:
    """Write chords of a quarter each as a MIDI file."""
    body = b""
    for chord in chords:
        body += b"".join(b"\0" + bytes([0x90, pitch, 80]) for pitch in chord)
        body += b"\x87\x40\xff\x01\0"  # 960 ticks, an empty text
        body += b"".join(b"\0" + bytes([0x80, pitch, 0]) for pitch in chord)
    body += b"\0\xff\x2f\0"
    path.write_bytes(struct.pack(">4sIHHH4sI", b"MThd", 6, 0, 1, 960, b"MTrk", len(body)) + body)


def main() -> None:
    """Print the negative log-likelihood of a step of the held-out chorales; write one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path, help="the wheel of music21, or another zip file of bach/*.mxl")
    parser.add_argument("--epochs", type=int, default=8, help="of training (default: 8)")
    parser.add_argument("--hidden", type=int, default=192, help="units (default: 192)")
    parser.add_argument("--midi", type=Path, help="where to write a chorale")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)  # max_iter is the wanted training time
    tunes = list(chorales(options.archive).values())
    order = np.random.default_rng(0).permutation(len(tunes))
    test = [chords for i in order[: len(order) // 5] for chords in tunes[i]]
    train = [
        shifted(chords, steps) for i in order[len(order) // 5 :] for chords in tunes[i] for steps in SHIFTS
    ]
    model = fastgru.GRULanguageModel(
        options.hidden,
        level=None,
        dropout=0.4,
        input_dropout=0.1,
        bptt=128,
        max_iter=options.epochs,
        n_iter_no_change=np.inf,
        random_state=0,
    )
    start, used = time.perf_counter(), time.process_time()
    model.fit([tokens(chords) for chords in train])
    print(f"{time.perf_counter() - start:.0f} s ({time.process_time() - used:.0f} s of CPU)")
    ours = -model.score_samples([tokens(chords) for chords in test]).sum() / sum(map(len, test))
    print(f"{len(train) // len(SHIFTS)} chorales in {len(SHIFTS)} keys learnt, {len(test)} held out")
    print(f"GRU: {ours:.3f} nats a step, the ends of the chorales included")
    print(f"a trigram model of each voice: {trigram_cost(train, test):.3f} nats a step")
    if options.midi is not None:
        begun = tokens(test[0][:8])
        pitches = begun + model.generate(begun, 4 * 56, temperature=0.8, random_state=0)
        chords = [tuple({*map(int, pitches[i : i + 4])} - {0}) for i in range(0, len(pitches), 4)]
        midi(chords, options.midi)


if __name__ == "__main__":
    main()

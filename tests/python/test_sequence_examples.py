"""The scripts of examples/ for texts, genomes and music beat their rivals on small made-up data."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
from example_scripts import EXAMPLES, numbers


def test_language_model_beats_bzip2(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    letters = list("abcdefgh ,.\n")
    chances = rng.dirichlet(np.full(len(letters), 0.3), len(letters))  # of a letter after a letter
    text = [0]
    for draw in rng.random(30_000):
        text.append(min(int(np.searchsorted(chances[text[-1]].cumsum(), draw)), len(letters) - 1))
    (tmp_path / "book.txt").write_text("".join(letters[i] for i in text), encoding="utf-8")
    arguments = [
        tmp_path / "book.txt",
        "--epochs",
        "10",
        "--hidden",
        "32",
        "--save",
        tmp_path / "m.safetensors",
    ]
    patterns = [r"last tenth: ([\d.]+)", r"bzip2: +([\d.]+)"]
    ours, rival = numbers("language_model.py", *patterns, arguments=arguments)
    entropy = -np.mean([np.log2(chances[a, b]) for a, b in zip(text[-3000:-1], text[-2999:], strict=True)])
    assert 0.98 * entropy < ours < 0.95 * rival
    assert (tmp_path / "m.safetensors").stat().st_size > 10_000


def test_translate_beats_the_nearest_known_description(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    nouns = {f"{a}{b}": f"{b[::-1]}{a}o" for a in ("gra", "lim", "tor", "sec") for b in ("ph", "ne", "st")}
    adjectives = {f"{a}y": f"{a}osa" for a in ("fast", "tin", "old", "new", "safe", "grand")}
    entries: dict[str, list[str]] = {"en": [], "it": []}
    for i in range(700):
        noun, other = rng.choice(list(nouns), 2)
        adjective = rng.choice(list(adjectives))
        name = "".join(chr(97 + i // 26**k % 26) for k in range(3))  # one stem each
        for language, text in (
            ("en", f"{adjective} {noun} for {other}"),
            ("it", f"{nouns[noun]} {adjectives[adjective]} per {nouns[other]}"),
        ):
            entries[language].append(
                f"Package: {name}\nDescription-md5: {i:032x}\nDescription-{language}: {text}\n .\n"
            )
    for language, its in entries.items():
        (tmp_path / f"debian_main_i18n_Translation-{language}").write_text("\n".join(its), encoding="utf-8")
    arguments = [
        "--lists",
        tmp_path,
        "--epochs",
        "20",
        "--hidden",
        "48",
        "--save",
        tmp_path / "m.safetensors",
    ]
    patterns = [r"1 beams: BLEU ([\d.]+)", r"5 beams: BLEU ([\d.]+)", r"nearest known .*: BLEU ([\d.]+)"]
    greedy, beams, nearest = numbers("translate.py", *patterns, arguments=arguments)
    assert min(greedy, beams) > 90 > nearest + 10
    assert (tmp_path / "m.safetensors").exists()


def test_splice_beats_the_most_frequent_class(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for i in range(400):
        bases, label = rng.choice(list("ACGT"), 20), ("EI", "IE", "N", "N")[i % 4]
        if label == "EI":
            bases[9:13] = list("GGTA")
        if label == "IE":
            bases[6:11] = list("CCAGG")
        rows.append(f"{label},  W-{i},   {''.join(bases)}")
    (tmp_path / "splice.data").write_text("\n".join(rows), encoding="utf-8")
    patterns = [r"held out: accuracy ([\d.]+)", r"on average: accuracy ([\d.]+)", r"trees: accuracy ([\d.]+)"]
    arguments = [tmp_path / "splice.data", "--epochs", "15", "--networks", "2", "--trees", "50"]
    ours, alone, forest, usual = numbers(
        "splice.py", *patterns, r"frequent class: accuracy ([\d.]+)", arguments=arguments
    )
    assert usual == 0.5
    assert min(ours, alone, forest) > 0.85


def test_brown_beats_the_most_frequent_tag_of_each_word(tmp_path: Path) -> None:
    lines = (EXAMPLES / "data" / "tagged.txt").read_text(encoding="utf-8").splitlines()
    for i in range(10):  # the tagged sentences, written as the corpus is; a headline in each file
        text = "\n\n\n\t".join(["HEADLINE/NOUN-HL", *lines[i::10]])
        (tmp_path / f"ca{i + 1:02d}").write_text(f"\n\n\t{text}\n", encoding="utf-8")
    (tmp_path / "README").write_text("not/a sentence/of it", encoding="utf-8")
    patterns = [r"([\d.]+) of \d+ tags are right", r"frequent tag: ([\d.]+)", r"(\d+) tags\n"]
    arguments = [tmp_path, "--epochs", "40", "--hidden", "24", "--save", tmp_path / "m.safetensors"]
    ours, baseline, tags = numbers("brown.py", *patterns, arguments=arguments)
    assert baseline + 0.03 < ours < 1.0
    assert tags == 11  # the headline's is the noun's
    assert (tmp_path / "m.safetensors").exists()


def mxl(parts: list[str]) -> bytes:
    """Return a packed MusicXML file of parts, each of steps, octaves and lengths in eighths: "C5:2"."""
    body = ""
    for part in parts:
        notes = "".join(
            f"<note><pitch><step>{note[0]}</step><octave>{note[1]}</octave></pitch><duration>{note[3]}</duration></note>"
            for note in part.split()
        )
        head = "<attributes><divisions>2</divisions></attributes>"
        body += f"<part><measure>{head}{notes}</measure></part>"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("META-INF/container.xml", "<container/>")
        file.writestr("score.xml", f"<score-partwise>{body}</score-partwise>")
    return packed.getvalue()


def test_chorales_beat_trigrams_where_the_voices_go_together(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with zipfile.ZipFile(tmp_path / "corpus.zip", "w") as file:
        for i in range(30):  # a soprano of chance, which the others sing an octave lower each
            tune = rng.choice(list("CEG"), 32)
            parts = [" ".join(f"{step}{octave}:2" for step in tune) for octave in (5, 4, 3, 2)]
            file.writestr(f"music/bach/bwv{i}.mxl", mxl(parts))
        file.writestr("music/bach/solo.mxl", mxl(["C5:2 D5:2"]))  # not of four voices
    arguments = [tmp_path / "corpus.zip", "--epochs", "20", "--hidden", "32", "--midi", tmp_path / "new.mid"]
    patterns = [r"(\d+) chorales in 7 keys", r"(\d+) held out", r"GRU: ([\d.]+)", r"each voice: ([\d.]+)"]
    learnt, asked, ours, trigrams = numbers("chorales.py", *patterns, arguments=arguments)
    assert (learnt, asked) == (24, 6)
    assert ours < 0.8 * trigrams
    song = (tmp_path / "new.mid").read_bytes()
    assert song[:8] == b"MThd\0\0\0\6" and song[14:18] == b"MTrk" and song.endswith(b"\xff\x2f\0")
    assert int.from_bytes(song[18:22], "big") == len(song) - 22
    assert sum(song.count(bytes([0x90, pitch])) for pitch in range(33, 88)) > 64

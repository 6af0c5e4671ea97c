"""The results as text: one table per suite, with each peer's time and its ratio to fastgru's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bench.cases import OWN_THREADS
from bench.measurement import Result
from bench.peers import OUR_PRECISIONS, OURS, PEERS

TITLES = {
    "core": "Inference: one call",
    "training": "Training: forward and backward (gradients of weights and of x)",
    "streaming": "Streaming: one step, state carried on",
    "precision": "Precisions: a whole call, or a step from Python",
    "deepbench": "DeepBench shapes, T shortened: one call",
    "fit": "Whole fit of a small network, per mini-batch: GRU(50), T=10, I=1, Dense(1), Adam, MSE, B=32",
    "heads": "Heads of many outputs: an epoch of training, per mini-batch: tokens embedded or numbers, GRU, "
    "Dense, cross entropy or MSE, Adam, clipping",
    "stacked": "Stacked layers, both directions, ragged lengths",
    "threads": "Two threads",
    "memory": "Peak memory of training, beyond the loaded model and data",
}


def write(results: Result) -> str:
    """Return the whole report."""
    parts = [_head(results)]
    suites: dict[str, list[Result]] = {}
    for entry in results["cases"]:
        suites.setdefault(entry["case"]["suite"], []).append(entry)
    for suite, entries in suites.items():
        title = TITLES[suite]
        if suite not in OWN_THREADS:
            title += f"; {threads_text(results['settings']['threads'])}"
        if suite == "memory":
            parts += [title + "; MB", _memory(entries)]
        elif suite == "precision":
            parts += [title + "; error: largest of any output, against float64", _precisions(entries)]
        else:
            parts += [title + "; µs, and how many times as long as fastgru", _times(entries)]
        if suite == "streaming":
            parts += ["Percentiles of single steps; µs: p50 / p99 / p99.9", _percentiles(entries)]
        parts += _left_out(entries)
    if results["cpp"]:
        parts += ["Streaming from C++; ns a step", _cpp(results["cpp"])]
    return "\n\n".join(parts) + "\n"


def _head(results: Result) -> str:
    machine, settings = results["machine"], results["settings"]
    caches = ", ".join(f"{level} {size >> 10} KiB" for level, size in machine["cache bytes"].items())
    lines = [
        f"fastgru benchmark, {results['date']}, {results['seconds']:.0f} s",
        f"Machine: {machine['cpu']}, {machine['cores used']} cores used"
        f"{', virtual' if machine['virtual machine'] else ''}; {caches}; {machine['system']}",
    ]
    if limits := machine.get("limits"):
        fma = ", ".join(f"{bits} bit {v:.0f}" for bits, v in limits["fma_gflops"].items())
        read = ", ".join(f"{level} {v:.0f}" for level, v in limits["read_gbs"].items())
        lines.append(f"One core, measured: float32 FMA peak GFLOP/s: {fma}; read GB/s: {read}")
        if gops := limits.get("int8_gops"):
            lines[-1] += "; int8 peak GOP/s: " + ", ".join(f"{name} {number(v)}" for name, v in gops.items())
    lines.append("Versions: " + ", ".join(f"{name} {v}" for name, v in results["versions"].items()))
    lines.append(
        f"Medians of {settings['rounds']} rounds, libraries in turns, each in its own pinned process; "
        "results compared with fastgru's before timing"
    )
    lines += [f"Absent: {name}: {reason}" for name, reason in results["absent"].items()]
    return "\n".join(lines)


def peers_of(entries: Iterable[Result]) -> list[str]:
    """Return the labels besides fastgru that have figures, in their usual order."""
    seen = {label for entry in entries for label in entry["figures"] if label != OURS}
    usual = (*OUR_PRECISIONS, *PEERS)
    return [*sorted(seen.difference(usual)), *(name for name in usual if name in seen)]


def ratio(entry: Result, label: str, key: str = "seconds") -> float | None:
    """Return a library's time over fastgru's; None without both figures."""
    ours, theirs = entry["figures"].get(OURS), entry["figures"].get(label)
    return None if ours is None or theirs is None else theirs[key] / ours[key]


def share_of_bound(entry: Result) -> float | None:
    """Return fastgru's share of the bound's speed, in [0, 1]."""
    ours, bound = entry["figures"].get(OURS), entry["bound"]
    return None if ours is None or bound is None else bound["seconds"] / ours["seconds"]


def number(value: float) -> str:
    """Return at least three significant digits, with thin spaces between thousands."""
    if value >= 100:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}" if value < 10 else f"{value:.1f}"


def threads_text(threads: int) -> str:
    """Return "one thread" or "3 threads"."""
    return "one thread" if threads == 1 else f"{threads} threads"


def times_text(ratio: float) -> str:
    """Return a ratio as "34×", "4.6×" or "0.97×"."""
    digits = 0 if ratio >= 20 else 1 if ratio >= 3 else 2
    return f"{ratio:.{digits}f}×"


def _times(entries: list[Result]) -> str:
    peers = peers_of(entries)
    rows = [["(T,B,I,H)", OURS, "GFLOP/s", "of bound", "bound", *peers]]
    for entry in entries:
        ours, bound = entry["figures"].get(OURS), entry["bound"]
        row = [_label(entry)]
        if ours is None:
            row += ["-"] * 3
        else:
            speed = "" if entry["flops"] is None else number(entry["flops"] / ours["seconds"] / 1e9)
            share = share_of_bound(entry)
            row += [number(ours["seconds"] * 1e6), speed, "" if share is None else f"{share:.0%}"]
        row.append("" if bound is None else bound["name"])
        for label in peers:
            times = ratio(entry, label)
            row.append("" if times is None else _with_ratio(entry, label, times))
        rows.append(row)
    return _align(rows)


def _with_ratio(entry: Result, label: str, times: float) -> str:
    return f"{number(entry['figures'][label]['seconds'] * 1e6)} ({times_text(times)})"


def _label(entry: Result) -> str:
    training = entry["case"]["kind"] == "train" and entry["case"]["suite"] in {"stacked", "threads"}
    return entry["label"] + (" training" if training else "")


def _percentiles(entries: list[Result]) -> str:
    labels = [OURS, *peers_of(entries)]
    rows = [["(T,B,I,H)", *labels]]
    for entry in entries:
        row = [entry["label"]]
        for label in labels:
            figures = entry["figures"].get(label)
            names = ("p50", "p99", "p99.9")
            row.append("" if figures is None else " / ".join(number(figures[n] * 1e6) for n in names))
        rows.append(row)
    return _align(rows)


def _precisions(entries: list[Result]) -> str:
    """Return a row for each case and library: time, in fastgru's, speed in the FMA peak's, error."""
    rows = [["(T,B,I,H)", "library", "µs", f"of {OURS}'s", "of FMA peak", "error"]]
    for entry in entries:
        label = entry["label"]
        for name in (OURS, *peers_of([entry])):
            figures, times = entry["figures"].get(name), ratio(entry, name)
            if figures is None:
                continue
            share = figures.get("of_fma_peak")
            row = [label, name, number(figures["seconds"] * 1e6)]
            row += ["" if times is None else times_text(times), "" if share is None else f"{share:.0%}"]
            rows.append([*row, f"{figures['float64_error']:.1e}"])
            label = ""
    return _align(rows, left=2)


def _memory(entries: list[Result]) -> str:
    peers = peers_of(entries)
    rows = [["(T,B,I,H)", OURS, "predicted", *peers]]
    for entry in entries:
        ours = entry["figures"].get(OURS)
        row = [entry["label"], "-" if ours is None else number(ours["bytes"] / 1e6)]
        row.append(number(entry["predicted_bytes"] / 1e6))
        for label in peers:
            times = ratio(entry, label, "bytes")
            theirs = entry["figures"].get(label)
            row.append("" if times is None else f"{number(theirs['bytes'] / 1e6)} ({times_text(times)})")
        rows.append(row)
    return _align(rows)


def _cpp(steps: list[dict[str, Any]]) -> str:
    names = ["mean", "flushed", "p50", "p99", "p99.9", "max"]
    rows = [["I→H", *names]]
    for s in steps:
        label = f"{s['I']}→{s['H']}" if s["H"] else "nothing"
        rows.append([label, *(number(s[name]) if name in s else "" for name in names)])
    return _align(rows)


def _left_out(entries: list[Result]) -> list[str]:
    """Return one line per reason: which library was left out of which cases."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for entry in entries:
        for label, reason in entry["left_out"].items():
            reasons.setdefault((label, reason), []).append(_label(entry))
    lines = [f"{label} left out of {', '.join(where)}: {why}" for (label, why), where in reasons.items()]
    return ["\n".join(lines)] if lines else []


def _align(rows: list[list[str]], left: int = 1) -> str:
    """Return columns of equal width, the first `left` flush left, others right; empty ones are left out."""
    filled = [k for k in range(len(rows[0])) if any(row[k] for row in rows[1:])]
    rows = [[row[k] for k in filled] for row in rows]
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(w) if k < left else cell.rjust(w)
            for k, (cell, w) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join(lines)

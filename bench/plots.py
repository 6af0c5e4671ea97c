"""The results as pictures: time ratios of the peers, and a roofline plot of the cases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

from bench.bounds import SMALL_BATCH, layer_sizes
from bench.cases import Case
from bench.machine import VECTOR_BITS
from bench.measurement import Result
from bench.peers import OURS
from bench.report import peers_of, ratio, threads_text, times_text

INK, MUTED, GRID = "#1f2933", "#7b8794", "#e4e7eb"
AHEAD, BEHIND = "#2a7f9e", "#d1603d"
MARKS = {"core": ("o", "#2a7f9e", "inference"), "training": ("s", "#8a4f9e", "training")}
GROUPS = {  # suites whose ratios are drawn, and their headings
    "core": "inference (T,B,I,H)",
    "training": "training",
    "fit": "whole fit",
    "heads": "an epoch, many outputs",
}
STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "white",
}


def draw(results: Result, output: Path) -> list[str]:
    """Write the pictures that the results have figures for, and return their file names."""
    written = []
    with plt.rc_context(STYLE):
        for name, draw_one in (("ratios.png", _ratios), ("roofline.png", _roofline)):
            figure = draw_one(results)
            if figure is not None:
                figure.savefig(output / name, dpi=150, bbox_inches="tight")
                plt.close(figure)
                written.append(name)
    return written


def _subtitle(results: Result) -> str:
    settings, machine = results["settings"], results["machine"]
    parts = [machine["cpu"], threads_text(settings["threads"]), results["versions"]["isa"], "float32"]
    return ", ".join([*parts, results["date"]])


def _ratios(results: Result) -> Any:
    """Draw a column of bars for each peer, a row for each case of the suites in `GROUPS`."""
    groups = []
    for suite in GROUPS:
        entries = [e for e in results["cases"] if e["case"]["suite"] == suite and OURS in e["figures"]]
        if entries:
            groups.append(entries)
    entries = [entry for group in groups for entry in group]
    peers = peers_of(entries)
    if not peers:
        return None
    rows, ticks = _row_positions(groups)
    height = 1.6 + 0.24 * (rows[-1] + 1)
    figure, columns = plt.subplots(
        1, len(peers), figsize=(2.6 + 1.75 * len(peers), height), sharey=True, squeeze=False
    )
    longest = max(ratio(e, p) or 1.0 for e in entries for p in peers)
    shortest = min(ratio(e, p) or 1.0 for e in entries for p in peers)
    for axes, peer in zip(columns[0], peers, strict=True):
        _bars(axes, peer, entries, rows, (min(0.8, 0.7 * shortest), 3.2 * longest))
    first = columns[0][0]
    first.set_yticks(rows, ticks)
    first.set_ylim(rows[-1] + 0.8, -0.8)
    for row, label in _group_labels(groups, rows):
        first.annotate(
            label,
            (0, row),
            xycoords=("axes fraction", "data"),
            xytext=(-8, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontweight="bold",
        )
    top = 1 - 0.55 / height
    figure.subplots_adjust(top=top - 0.45 / height, wspace=0.08)
    left = first.get_position().x0
    figure.text(
        left,
        top + 0.28 / height,
        "How many times as long as fastgru each library takes",
        fontsize=13,
        fontweight="bold",
    )
    figure.text(left, top + 0.03 / height, _subtitle(results), color=MUTED)
    return figure


def _row_positions(groups: list[list[Result]]) -> tuple[list[float], list[str]]:
    """Return the position of each case's row, with a gap and a heading before each group, and the labels."""
    rows, ticks, at = [], [], 0.0
    for group in groups:
        at += 1.0
        for entry in group:
            rows.append(at)
            ticks.append(entry["label"])
            at += 1.0
        at += 0.4
    return rows, ticks


def _group_labels(groups: list[list[Result]], rows: list[float]) -> list[tuple[float, str]]:
    found, index = [], 0
    for group in groups:
        found.append((rows[index] - 1.0, GROUPS[group[0]["case"]["suite"]]))
        index += len(group)
    return found


def _bars(
    axes: Axes, peer: str, entries: list[Result], rows: list[float], limits: tuple[float, float]
) -> None:
    axes.set_xscale("log")
    axes.set_xlim(*limits)
    axes.axvline(1.0, color=INK, linewidth=1.0, zorder=3)
    for row, entry in zip(rows, entries, strict=True):
        times = ratio(entry, peer)
        if times is None:
            axes.text(1.1, row, "–", va="center", color=MUTED)
            continue
        colour = AHEAD if times >= 1 else BEHIND
        axes.barh(row, times - 1.0, left=1.0, height=0.72, color=colour, zorder=2)
        axes.text(max(times, 1.0) * 1.1, row, times_text(times), va="center", fontsize=8)
    axes.set_title(peer, loc="left", fontsize=10, fontweight="bold")
    axes.tick_params(length=0)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}×"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.grid(axis="x", color=GRID, zorder=0)
    axes.spines["left"].set_visible(False)


def intensity(case: Case) -> float:
    """Return FLOPs per byte of weights read, each step reading its weights once (W if not hoisted)."""
    gates = sum(3.0 * case.H * (size + case.H) for size in layer_sizes(case)) * case.D
    recurrent = 3.0 * case.H * case.H * case.L * case.D
    hoisted = case.B < SMALL_BATCH and case.T > 1
    return 2.0 * gates * case.B / (4.0 * (recurrent if hoisted else gates))


def _roofline(results: Result) -> Any:
    """Draw fastgru and the best peer of each case under the machine's ceilings."""
    limits = results["machine"].get("limits")
    entries = [e for e in results["cases"] if e["case"]["suite"] in MARKS and OURS in e["figures"]]
    # The smallest cases and single steps are left out: they show the cost of a call, not the machine.
    entries = [e for e in entries if e["case"]["H"] >= 32 and e["case"]["T"] > 1]
    if limits is None or not entries:
        return None
    figure, axes = plt.subplots(figsize=(9.6, 6.0))
    bits = str(VECTOR_BITS.get(results["versions"]["isa"], 128))
    peak = max([limits["fma_gflops"][bits], *(e["bound"]["gflops"] for e in entries if e["bound"])])
    lowest = min(_speeds(entry)[-1] for entry in entries)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(0.2, 60.0)
    axes.set_ylim(0.7 * lowest, peak * 1.6)
    _ceilings(axes, limits, peak, results["settings"]["threads"])
    x = label = 0.0
    for entry in sorted(entries, key=_roofline_order):
        at = max(intensity(Case.from_json(entry["case"])), x * 1.12)  # side by side, not on top of each other
        height = axes.transData.transform((at, max(_speeds(entry))))[1] * 72.0 / figure.dpi
        # A number that would overlap its neighbour's goes one line higher.
        lift = 11.0 if at < x * 1.2 and -5.5 < height - label < 10.0 else 0.0
        x, label = at, height + lift
        _mark(axes, entry, x, lift)
    _finish_roofline(axes, results, any(len(_speeds(entry)) > 1 for entry in entries))
    return figure


def _speeds(entry: Result) -> list[float]:
    """Return GFLOP/s of fastgru and, if there are peers, of the fastest of them."""
    figures = entry["figures"]
    peers = [figure["seconds"] for label, figure in figures.items() if label != OURS]
    return [entry["flops"] / t / 1e9 for t in [figures[OURS]["seconds"], *([min(peers)] if peers else [])]]


def _roofline_order(entry: Result) -> tuple[float, str, int]:
    case = Case.from_json(entry["case"])
    return round(intensity(case), 3), case.suite, case.H


def _mark(axes: Axes, entry: Result, x: float, lift: float) -> None:
    """Draw one case, its number `lift` points higher than the others'."""
    case = Case.from_json(entry["case"])
    marker, colour, _ = MARKS[case.suite]
    ours, *best = _speeds(entry)
    for speed in best:
        axes.plot([x, x], [speed, ours], color=colour, linewidth=1.2, alpha=0.45, zorder=2)
        axes.plot(x, speed, marker, color="white", markeredgecolor=colour, markersize=5, zorder=3)
    axes.plot(x, ours, marker, color=colour, markersize=7.5, markeredgecolor="white", zorder=4)
    text = {"xytext": (0, 6 + lift), "textcoords": "offset points", "ha": "center", "fontsize": 7}
    axes.annotate(str(case.H), (x, max([ours, *best])), color=colour, zorder=5, **text)


def _told_apart(read_gbs: dict[str, float]) -> list[tuple[str, float]]:
    """Return cache levels with their bandwidths; levels too close to label separately are merged."""
    made: list[tuple[str, float]] = []
    for level, gbs in read_gbs.items():
        if made and gbs > 0.75 * made[-1][1]:
            made[-1] = (f"{made[-1][0]}, {level}", made[-1][1])
        else:
            made.append((level, gbs))
    return made


def _ceilings(axes: Axes, limits: Result, peak: float, threads: int) -> None:
    low, high = axes.get_xlim()
    bottom = axes.get_ylim()[0]
    (x0, y0), (x1, y1) = axes.transData.transform([(1.0, 1.0), (10.0, 10.0)])
    angle = np.degrees(np.arctan2(y1 - y0, x1 - x0))
    for levels, measured in _told_apart(limits["read_gbs"]):
        gbs = measured * threads
        left, knee = max(low, bottom / gbs), min(peak / gbs, high)
        axes.plot([left, knee], [left * gbs, knee * gbs], color=MUTED, linewidth=1.0, zorder=1)
        axes.text(
            knee * 0.95,
            knee * gbs,
            f"{levels} {gbs:.0f} GB/s",
            color=MUTED,
            fontsize=8,
            rotation=angle,
            rotation_mode="anchor",
            ha="right",
            va="bottom",
        )
    first = peak / (max(limits["read_gbs"].values()) * threads)
    axes.plot([first, high], [peak, peak], color=INK, linewidth=1.6, zorder=1)
    place = {"xytext": (0, 5), "textcoords": "offset points", "ha": "right"}
    axes.annotate(f"FMA peak {peak:.0f} GFLOP/s", (high, peak), fontweight="bold", **place)


def _finish_roofline(axes: Axes, results: Result, best_drawn: bool) -> None:
    axes.set_xlabel("FLOPs per byte of weights read (cases of equal intensity stand side by side)")
    axes.set_ylabel("GFLOP/s")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:g}"))
    axes.grid(color=GRID, zorder=0)
    for marker, colour, label in MARKS.values():
        name = f"fastgru, {label}; the number is H"
        axes.plot([], [], marker, color=colour, markersize=7.5, markeredgecolor="white", label=name)
    if best_drawn:
        name = "best of the peers"
        axes.plot([], [], "o", color="white", markeredgecolor=MUTED, markersize=5, label=name)
    axes.legend(loc="lower right", frameon=False)
    axes.set_title("fastgru under the roofline", loc="left", fontsize=13, fontweight="bold", pad=24)
    axes.text(0, 1.02, _subtitle(results), transform=axes.transAxes, color=MUTED)

"""The tables of ``python -m bench.datasets``."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import rankdata

import fastgru

Results = dict[str, dict[str, Any]]
# "torch" is fastgru's own network again: it has a column, and no rank that would push others down.
RANKED = ("fastgru", "LSTM", "1-NN", "ridge", "DTW", "MiniRocket")
NOTES = """\
fastgru: the defaults of GRUClassifier or GRURegressor; reads: frame_length/frame_step and pooling, which
"auto" chose. The defaults were chosen by cross-validation on training parts alone.
torch: the same network, first weights and number of epochs in PyTorch, other shuffles. LSTM: the same with
torch.nn.LSTM in place of the GRU and PyTorch's first weights; its epochs are as many as the GRU's.
1-NN, ridge: on flattened, standardized input, zeros behind the ends. DTW: 1-NN by dynamic time warping with a
window of a tenth (aeon). MiniRocket: ridge on its 10 000 features (aeon), zeros behind the ends."""


def mean_text(scores: list[float]) -> str:
    """Return the mean, and its standard error where there are several."""
    if len(scores) == 1:
        return f"{scores[0]:.3f}"
    return f"{np.mean(scores):.3f} ± {np.std(scores, ddof=1) / np.sqrt(len(scores)):.3f}"


def _means(r: dict[str, Any]) -> dict[str, float]:
    """Return the mean score of each ranked method, rounded: equal scores shall be equal means."""
    return {name: round(float(np.mean(r["scores"][name])), 9) for name in RANKED if name in r["scores"]}


def mean_ranks(results: Results) -> dict[str, float]:
    """Return each method's mean rank over the sets that it has a score of; ties get the mean of theirs."""
    ranks: dict[str, list[float]] = {}
    for r in results.values():
        means = _means(r)
        for name, rank in zip(means, rankdata(np.negative(list(means.values()))), strict=True):
            ranks.setdefault(name, []).append(float(rank))
    return {name: float(np.mean(found)) for name, found in ranks.items()}


def _scores(results: Results, title: str) -> list[str]:
    """Return the lines of one table: scores and mean ranks."""
    lines = [
        f"{title:<21}{'train':>6}{'test':>6}{'T':>10}{'F':>4}  {'reads':<9}{'fit, s':>7}  {'fastgru':<16}"
        f"{'torch':<16}{'LSTM':<16}{'1-NN':>7}{'ridge':>7}{'DTW':>7}  MiniRocket"
    ]
    for name, r in results.items():
        steps = "–".join(str(step) for step in dict.fromkeys(r["steps"]))
        length, step, pooling = r["reads"]
        many = {m: mean_text(r["scores"][m]) if m in r["scores"] else "" for m in (*RANKED, "torch")}
        lines.append(
            f"{name:<21}{r['train']:>6}{r['test']:>6}{steps:>10}{r['features']:>4}"
            f"  {f'{length}/{step} {pooling}':<9}{np.median(r['seconds']):>7.2f}"
            f"  {many['fastgru']:<16}{many['torch']:<16}{many['LSTM']:<16}"
            f"{many['1-NN']:>7}{many['ridge']:>7}{many['DTW']:>7}  {many['MiniRocket']}".rstrip()
        )
    rank = {name: f"{value:.2f}" for name, value in mean_ranks(results).items()}
    rank |= {name: "" for name in RANKED if name not in rank}
    lines.append(
        f"{'mean rank':<21}{'':>44}  {rank['fastgru']:<16}{'':<16}{rank['LSTM']:<16}"
        f"{rank['1-NN']:>7}{rank['ridge']:>7}{rank['DTW']:>7}  {rank['MiniRocket']}".rstrip()
    )
    return lines


def _ahead(results: Results) -> list[str]:
    """Return, for each method, the sets on which its mean is above that of fastgru."""
    lines = []
    for method in RANKED[1:]:
        means = {name: _means(r) for name, r in results.items() if method in r["scores"]}
        names = [name for name, mean in means.items() if mean[method] > mean["fastgru"]]
        if means:
            lines.append(
                f"{method}: {len(names)} of {len(means)}" + (f" ({', '.join(names)})" if names else "")
            )
    return ["Ahead of fastgru:", *lines]


def _same_network(results: Results) -> list[str]:
    """Return the lines that compare fastgru's training with PyTorch's."""
    compared = {name: r for name, r in results.items() if "torch" in r["scores"]}
    if not compared:
        return []
    lines = [f"{'the same in PyTorch':<21}{'seeds':>6}{'its time':>10}{'losses':>9}{'rounding':>10}"]
    for name, r in compared.items():
        lines.append(
            f"{name:<21}{len(r['scores']['torch']):>6}{r['torch_times']:>9.1f}×"
            f"{r['loss_error']:>9.0e}{r['rounding']:>10.0e}"
        )
    lines += [
        "",
        "its time: that of the whole loop over that of fit. losses: the largest relative difference of the",
        "first 20 losses, the whole training set being one mini-batch; rounding: the same of torch's own",
        "float32 and float64.",
    ]
    return lines


def table(results: Results, absent: list[str]) -> str:
    """Return the results as text."""
    seeds = len(next(iter(results.values()))["scores"]["fastgru"])
    lines = [
        f"Mean ± standard error of {seeds} seeds (torch, LSTM: as the last table says); fastgru "
        f"{fastgru.__version__}, one thread. fit: the median seconds of fastgru's.",
        "mean rank: by the mean score, 1 is best, ties averaged; a method is ranked where it has a score.",
        *absent,
        "",
    ]
    for title, regression in (("accuracy", False), ("R²", True)):
        if part := {name: r for name, r in results.items() if r["regression"] == regression}:
            lines += [*_scores(part, title), ""]
    ranks = ", ".join(f"{name} {rank:.2f}" for name, rank in mean_ranks(results).items())
    lines += [f"Mean rank over all sets: {ranks}", "", *_ahead(results), ""]
    blanks = [f"{name}: no {m}, {why}." for name, r in results.items() for m, why in r["blanks"].items()]
    lines += [*blanks, *([""] if blanks else []), NOTES, "", *_same_network(results)]
    return "\n".join(lines).rstrip() + "\n"

"""The text of ``python -m bench.lstm``."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.datasets_table import mean_text
from bench.lstm_networks import NETWORKS

Results = dict[str, dict[str, Any]]
GRU, CONTROL = "fastgru", "torch GRU"
NOTES = """\
All networks: the estimators' defaults (64 hidden units, Adam, batches of 32, norm of the gradient clipped,
standardized input, frames and pooling as "auto" chose), a fixed number of epochs, no early stopping; the
score is that of the last epoch on the test part. T: time steps; I: inputs of the layer, a frame's values.
torch GRU: fastgru's network with its first weights, in PyTorch: the control. LSTM: torch.nn.LSTM with first
weights drawn from the same distributions, biases zero. LSTM, forget 1: a bias of 1 in the forget gate. LSTM,
same size: as many hidden units as give it the GRU's number of parameters. The learning rate and the other
defaults were chosen with the GRU, on training parts.
trivial: the most frequent class, the mean; of a series the last value (co2 changes: that of a year before).
ridge: on flattened, standardized input.
seconds: of the process' own CPU time on one thread, the median; one process a library, the networks in turns
for every seed. step: one step of the layer alone (a batch of one, the state carried on, called from Python),
the median over seeds of the median of at least 2000."""


def margin(entry: dict[str, Any], network: str) -> tuple[float, float]:
    """Return by how much a network's mean score is above the GRU's, and the standard error of that.

    The GRU's scores are those of fastgru and PyTorch together, as they train the same network; PyTorch's GRU
    is compared with fastgru's. The error of a single seed is not known: infinity.
    """
    others = [GRU] if network == CONTROL else [GRU, CONTROL]
    scores = [
        np.asarray(entry["fits"][network]["score"]),
        np.concatenate([entry["fits"][name]["score"] for name in others]),
    ]
    single = len(scores[0]) == 1
    error = np.inf if single else np.sqrt(sum(s.var(ddof=1) / len(s) for s in scores))
    return float(scores[0].mean() - scores[1].mean()), float(error)


def verdict(results: Results, network: str) -> tuple[list[str], list[str]]:
    """Return the sets on which a network is ahead of the GRU, and behind it, by over two standard errors."""
    margins = {name: margin(entry, network) for name, entry in results.items()}
    clear = {name: gap for name, (gap, error) in margins.items() if abs(gap) > max(2.0 * error, 1e-9)}
    return [n for n, gap in clear.items() if gap > 0], [n for n, gap in clear.items() if gap < 0]


def ratio(results: Results, network: str, field: str) -> float:
    """Return the geometric mean over sets of a median's ratio to that of fastgru's GRU."""
    ratios = [
        np.median(entry["fits"][network][field]) / np.median(entry["fits"][GRU][field])
        for entry in results.values()
    ]
    return float(np.exp(np.mean(np.log(ratios))))


def _score_lines(results: Results, title: str) -> list[str]:
    heads = "".join(f"{name:<17}" for name in NETWORKS)
    sizes = f"{'train':>6}{'test':>6}{'T':>8}{'I':>4}{'epochs':>8}"
    lines = [f"{title:<22}{sizes}  {heads}{'trivial':>8}{'ridge':>8}"]
    for name, entry in results.items():
        scores = "".join(f"{mean_text(entry['fits'][network]['score']):<17}" for network in NETWORKS)
        steps = "–".join(str(step) for step in dict.fromkeys(entry["steps"]))
        lines.append(
            f"{name:<22}{entry['train']:>6}{entry['test']:>6}{steps:>8}{entry['sizes'][GRU][0]:>4}"
            f"{entry['epochs']:>8}  {scores}{entry['trivial']:>8.3f}{entry['ridge']:>8.3f}"
        )
    return lines


def _cost_lines(results: Results, title: str, field: str, scale: float) -> list[str]:
    """Return the medians of a cost in units of `scale`, and the means of the ratios to fastgru's."""
    lines = [f"{title:<22}" + "".join(f"{name:>17}" for name in NETWORKS)]
    for name, entry in results.items():
        medians = [np.median(entry["fits"][network][field]) / scale for network in NETWORKS]
        lines.append(f"{name:<22}" + "".join(f"{value:>17.2f}" for value in medians))
    ratios = "".join(f"{ratio(results, network, field):>16.2f}×" for network in NETWORKS)
    return [*lines, f"{'geometric mean, times':<22}{ratios}"]


def _size_lines(results: Results) -> list[str]:
    lines = [f"{'parameters (units)':<22}" + "".join(f"{name:>17}" for name in NETWORKS)]
    for name, entry in results.items():
        counts = [f"{entry['parameters'][n]} ({entry['sizes'][n][1]})" for n in NETWORKS]
        lines.append(f"{name:<22}" + "".join(f"{count:>17}" for count in counts))
    return lines


def _verdict_lines(results: Results) -> list[str]:
    lines = ["By more than two standard errors of the difference:"]
    for network in NETWORKS:
        if network != GRU:
            ahead, behind = verdict(results, network)
            over = f"{network} against {'fastgru' if network == CONTROL else 'both GRUs'}"
            lines.append(
                f"{over}: ahead on {len(ahead)} of {len(results)} ({', '.join(ahead) or 'none'}), "
                f"behind on {len(behind)} ({', '.join(behind) or 'none'})"
            )
    return lines


def table(results: Results, head: list[str]) -> str:
    """Return the results as text; `head` stands above."""
    counts = sorted({len(entry["fits"][GRU]["score"]) for entry in results.values()})
    seeds = "–".join(str(count) for count in dict.fromkeys([counts[0], counts[-1]]))
    lines = [f"Mean ± standard error of {seeds} seeds.", *head, ""]
    for title, regression in (("accuracy", False), ("R²", True)):
        if part := {name: r for name, r in results.items() if r["regression"] == regression}:
            lines += [*_score_lines(part, title), ""]
    lines += [*_verdict_lines(results), ""]
    lines += [*_cost_lines(results, "seconds to train", "seconds", 1.0), ""]
    lines += [*_cost_lines(results, "µs a step", "step", 1e-6), "", *_size_lines(results), "", NOTES]
    return "\n".join(line.rstrip() for line in lines) + "\n"

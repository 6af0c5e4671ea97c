"""Find the anomalies of a sensor's series: the flow of water through a pipe, an hour a row.

python anomalies.py [picture.png]
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

import fastgru

DATA = Path(__file__).parent / "data" / "water-flow.csv"
# What the description of the data names: three stretches of low flow, and a small peak after the second.
KNOWN = {
    "low flow": (93, 111),
    "low flow again": (211, 225),
    "peak": (328, 331),
    "low flow, last": (872, 888),
}


def main() -> None:
    """Fit on everything, anomalies included; say which of the known stretches were found, and what else."""
    with DATA.open(newline="", encoding="utf-8") as file:
        _, *rows = csv.reader(file)
    hours, flow = [row[0][:16] for row in rows], np.array([row[1] for row in rows], dtype=np.float64)
    detector = fastgru.GRUAnomalyDetector(random_state=0).fit(flow)
    scores, found = detector.score_samples(flow), detector.predict(flow) < 0
    others = found.copy()
    for name, (start, stop) in KNOWN.items():
        print(f"{name}, from {hours[start]}: {found[start:stop].sum()} of {stop - start} hours found")
        others[start : stop + 5] = False  # it takes some hours until all is as usual
    print(f"besides: {others.sum()} of {len(flow)} hours")
    worst = int(scores.argmin())
    print(f"the most abnormal: {hours[worst]}, {flow[worst]} l/s")

    stream = detector.stream()  # the same, hour by hour
    live = np.array([stream.step(value) for value in flow])
    print(f"the stream's scores are those of the whole: {bool((live == scores).all())}")

    if len(sys.argv) > 1:
        times = np.array(hours, dtype="datetime64[m]")
        axes = fastgru.plot.anomalies(detector, flow, names=["Water flow"], units="l/s", index=times)
        axes[0].figure.savefig(sys.argv[1])


if __name__ == "__main__":
    main()

"""A server that steps many sensors together, and a load that shows its latency.

    python examples/stream_server.py --sensors 1000 --rate 100 --seconds 10 --picture latency.png

Gateways connect over TCP on this machine, each with some sensors. A record is a sensor's number, a counter
and its values; the answer, what the model expects next, comes back with number and counter. The server is one
asyncio loop on one core: all records that have arrived are one step of a pool of streams, so that the rows of
a step grow with the load. The load comes from a process of its own, which compares the answers of one sensor
with those of a stream of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import multiprocessing
import os
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np

import fastgru

REQUEST = np.dtype([("sensor", "<u4"), ("count", "<u4"), ("values", "<f4", 2)])
ANSWER = np.dtype([("sensor", "<u4"), ("count", "<u4"), ("expected", "<f4")])


class Gateway(asyncio.Protocol):
    """One connection: its sensors' slots in the pool, and the bytes of a record that is not whole yet."""

    def __init__(self, server: Server) -> None:
        self.server, self.rest, self.slots = server, b"", np.full(server.most, -1)

    def connection_made(self, transport: Any) -> None:
        """Keep the way back."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Pass whole records to the server."""
        data = self.rest + data
        whole = len(data) // REQUEST.itemsize * REQUEST.itemsize
        self.rest = data[whole:]
        records = np.frombuffer(data[:whole], REQUEST)
        if len(records) and not self.server.add(self, records):
            self.transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """End the gateway's sequences."""
        self.server.forget(self)


class Server:
    """The records that have arrived, and the pool that steps them."""

    def __init__(self, model: Any, capacity: int, most: int) -> None:
        self.pool, self.most = model.stream_pool(capacity), most
        self.waiting: list[tuple[Gateway, Any]] = []
        self.steps: list[int] = []  # rows of each

    def add(self, gateway: Gateway, records: Any) -> bool:
        """Take records; False, with a line of text: the gateway has sensors for which there is no room."""
        largest = int(records["sensor"].max())
        if largest >= self.most:
            print(f"a gateway is disconnected: its sensor {largest} is beyond {self.most - 1}")
            return False
        new = np.unique(records["sensor"][gateway.slots[records["sensor"]] < 0])
        if len(new) > self.pool.capacity - len(self.pool):
            print(f"a gateway is disconnected: there is no room for {len(new)} sensors more")
            return False
        gateway.slots[new] = self.pool.acquire(len(new))
        if not self.waiting:  # after everything that the loop has to read now
            asyncio.get_running_loop().call_soon(self.step)
        self.waiting.append((gateway, records))
        return True

    def forget(self, gateway: Gateway) -> None:
        """Give the slots of a gateway back."""
        self.waiting = [each for each in self.waiting if each[0] is not gateway]
        self.pool.release(gateway.slots[gateway.slots >= 0])

    def step(self) -> None:
        """Step what has arrived. A sensor with several records takes several steps."""
        waiting, self.waiting = self.waiting, []
        while waiting:
            now = [(gateway, *first_of_each(records)) for gateway, records in waiting]
            ids = np.concatenate([gateway.slots[records["sensor"]] for gateway, records, _ in now])
            x = np.concatenate([records["values"] for _, records, _ in now])
            y = self.pool.step(ids, x)[:, 0]
            self.steps.append(len(ids))
            at = 0
            for gateway, records, _ in now:
                answers = np.empty(len(records), ANSWER)
                answers["sensor"], answers["count"] = records["sensor"], records["count"]
                answers["expected"] = y[at : at + len(records)]
                at += len(records)
                gateway.transport.write(answers.tobytes())
            waiting = [(gateway, later) for gateway, _, later in now if len(later)]


def first_of_each(records: Any) -> tuple[Any, Any]:
    """Return the first record of each sensor, and the others in their order."""
    first = np.sort(np.unique(records["sensor"], return_index=True)[1])
    return records[first], np.delete(records, first)


def signal(sensors: Any, t: float) -> Any:
    """Return the two values of each sensor at a tick."""
    phase = 0.1 * t * (1 + sensors % 7) + sensors
    return np.stack([np.sin(phase), np.cos(0.3 * phase)], axis=-1).astype(np.float32)


async def load(port: int, chosen: argparse.Namespace, model: Any) -> tuple[Any, bool]:
    """Send records at their rate; return the latencies in seconds, and whether answers agree."""
    share = np.array_split(np.arange(chosen.sensors), chosen.gateways)
    streams = [await asyncio.open_connection("127.0.0.1", port) for _ in share]
    ticks = int(chosen.seconds * chosen.rate)
    sent, took = np.zeros(ticks), []
    own, seen, wanted = model.stream(), [], []

    async def read(reader: asyncio.StreamReader, sensors: Any) -> None:
        for _ in range(ticks):
            answers = np.frombuffer(await reader.readexactly(len(sensors) * ANSWER.itemsize), ANSWER)
            took.append(time.perf_counter() - sent[answers["count"]])
            if sensors[0] == 0:
                seen.extend(answers["expected"][answers["sensor"] == 0])

    readers = [asyncio.create_task(read(r, s)) for (r, _), s in zip(streams, share, strict=True)]
    begin = time.perf_counter()
    for tick in range(ticks):
        await asyncio.sleep(max(0.0, begin + tick / chosen.rate - time.perf_counter()))
        sent[tick] = time.perf_counter()
        for (_, writer), sensors in zip(streams, share, strict=True):
            records = np.empty(len(sensors), REQUEST)
            records["sensor"], records["count"] = np.arange(len(sensors)), tick
            records["values"] = signal(sensors, tick)
            writer.write(records.tobytes())
        wanted.append(own.step(signal(np.array(0), tick))[0])
    await asyncio.gather(*readers)
    for _, writer in streams:
        writer.close()
    return np.concatenate(took), bool(np.array_equal(seen, wanted))


def run_load(port: int, chosen: argparse.Namespace, path: str, results: Any) -> None:
    """Be the process of the load."""
    results.put(asyncio.run(load(port, chosen, fastgru.load(path))))


def trained() -> Any:
    """Return a model that expects the next first value."""
    t = np.arange(60)[:, None]
    X = signal(np.arange(50)[None], t).transpose(1, 0, 2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fastgru.GRURegressor(64, max_iter=5, random_state=0, output="sequence").fit(
            X[:, :-1], X[:, 1:, 0]
        )


async def serve(chosen: argparse.Namespace) -> tuple[Any, bool, Server]:
    """Serve the load's process until it ends."""
    server = Server(trained_model := trained(), chosen.sensors, chosen.sensors)
    listener = await asyncio.get_running_loop().create_server(lambda: Gateway(server), "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "model.safetensors")
        trained_model.save(path)
        results = context.Queue()
        process = context.Process(target=run_load, args=(port, chosen, path, results), daemon=True)
        process.start()
        if hasattr(os, "sched_setaffinity"):  # after the load has begun, which may use the others
            os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        while results.empty() and process.is_alive():
            await asyncio.sleep(0.1)
        if not process.is_alive() and results.empty():
            sys.exit("the process of the load has ended early")
        latencies, agree = results.get()
        process.join()
    listener.close()
    return latencies, agree, server


def draw(latencies: Any, tick: float, path: str) -> None:
    """Draw which share of the answers took longer than a time."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    ordered = np.sort(latencies) * 1e3
    axes.semilogy(ordered, 1 - np.arange(len(ordered)) / len(ordered), label="answers")
    axes.axvline(tick * 1e3, color="tab:red", linestyle="--", label="a tick")
    axes.set(xlabel="latency, ms", ylabel="share of answers that took longer", xlim=(0, None))
    for share in (0.5, 0.01, 0.001):
        axes.axhline(share, color="0.8", linewidth=0.8, zorder=0)
    axes.legend()
    figure.savefig(path, dpi=150)


def main() -> None:
    """Run the server and its load; print what the answers took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sensors", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=100.0, help="values of a sensor a second")
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--gateways", type=int, default=10)
    parser.add_argument("--picture", help="PNG to draw the latencies to")
    chosen = parser.parse_args()
    if not 1 <= chosen.gateways <= chosen.sensors:
        parser.error(f"--gateways must be from 1 to the number of sensors, {chosen.sensors}")
    with contextlib.suppress(KeyboardInterrupt):
        latencies, agree, server = asyncio.run(serve(chosen))
        p50, p99, p999 = np.percentile(latencies, [50, 99, 99.9]) * 1e3
        steps = len(server.steps)
        print(f"{chosen.sensors} sensors at {chosen.rate:g} Hz: {len(latencies)} answers in {steps} steps")
        print(
            f"latency p50 {p50:.2f} ms, p99 {p99:.2f} ms, p99.9 {p999:.2f} ms; tick {1e3 / chosen.rate:g} ms"
        )
        print(f"sensor 0 has {'the answers' if agree else 'OTHER ANSWERS than those'} of a stream of its own")
        if chosen.picture:
            draw(latencies, 1 / chosen.rate, chosen.picture)


if __name__ == "__main__":
    main()

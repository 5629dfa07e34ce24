"""Stress test of training: do memory, file handles and threads stay constant for hours?

    python tests/stress/soak.py --minutes 120

The training runs in a process of its own, which is observed from outside.
"""

import csv
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import tyro

from rlnas.agents.training.checkpoint import checkpoints

TRAIN = ("mixed", "varied", "images", "--num-envs", "8", "--penalty", "0.01", "1")


@dataclass(frozen=True)
class Soak:
    """Train for hours in a process of its own, and measure what the process uses."""

    minutes: float = 120
    """Duration."""
    every: float = 60
    """Seconds between two measurements."""
    out: Path = Path("runs/soak.csv")
    """CSV file, to which every measurement is appended at once."""


def measure(process: psutil.Process, run: Path) -> dict[str, float]:
    """Memory in MiB, numbers of file handles and threads, and training steps so far."""
    with process.oneshot():
        memory = process.memory_full_info().uss / 2**20
        facts = {"memory": memory, "handles": process.num_fds(), "threads": process.num_threads()}
    steps = [int(path.stem) for path in checkpoints(run)]
    return {**facts, "steps": max(steps, default=0)}


def main(soak: Soak) -> None:
    """Print the measurement after a tenth of the time, and the last; exit code 1 on failure."""
    began, rows = time.monotonic(), []
    soak.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, soak.out.open("w", newline="") as file:
        run = Path(folder) / "run"
        command = [
            sys.executable,
            "-m",
            "rlnas.agents.cli.main",
            "train",
            *TRAIN,
            "--run-dir",
            str(run),
        ]
        training = subprocess.Popen(
            [*command, "--total-timesteps", "1000000000"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        process = psutil.Process(training.pid)
        writer = csv.DictWriter(file, ["seconds", "memory", "handles", "threads", "steps"])
        writer.writeheader()
        while time.monotonic() - began < 60 * soak.minutes and training.poll() is None:
            time.sleep(soak.every)
            rows.append({"seconds": round(time.monotonic() - began), **measure(process, run)})
            writer.writerow(rows[-1])
            file.flush()
        alive = training.poll() is None
        training.send_signal(signal.SIGINT)
        training.wait()
    for name, row in (("first", rows[len(rows) // 10]), ("last", rows[-1])):
        print(
            f"{name}: after {row['seconds'] / 60:.0f} minutes and {row['steps']:,.0f} steps "
            f"{row['memory']:.0f} MiB, {row['handles']:.0f} handles, {row['threads']:.0f} threads"
        )
    sys.exit(0 if alive else "the training ended before its time")


if __name__ == "__main__":
    main(tyro.cli(Soak))

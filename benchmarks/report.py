"""Time and memory of `rlnas report` for a training that has evaluated many designs.

python benchmarks/report.py --designs 1000000
"""

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import tyro

from rlnas import DesignDatabase, DesignRecord
from rlnas.agents import TrainConfig, train

ENVIRONMENTS = 2


@dataclass(frozen=True)
class Settings:
    """Size of the training."""

    designs: int = 1_000_000
    """Number of designs that are added to those of a short training."""


def more(last: DesignRecord, designs: int) -> Iterator[DesignRecord]:
    """Random designs with lower scores than a design, at the time steps after it."""
    rng = np.random.default_rng(0)
    for k in range(designs):
        accuracy = float(rng.uniform(0.1, 0.8))
        yield replace(
            last,
            timestep=last.timestep + ENVIRONMENTS * (1 + k // ENVIRONMENTS),
            environment=k % ENVIRONMENTS,
            score=accuracy - 1,
            val_metric=accuracy,
            active_weights=int(rng.integers(10, 10_000)),
        )


def main(settings: Settings) -> None:
    """Train shortly, add designs, and write the report in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        run = Path(folder) / "run"
        few = {
            "num_envs": ENVIRONMENTS,
            "rollout_steps": 20,
            "total_timesteps": 80,
            "batch_size": 20,
        }
        train(TrainConfig(dataset=("wine",), run_dir=run, **few), progress_bar=False)
        database = DesignDatabase(run / "designs.sqlite")
        database.add(more(replace(database.best()[0], timestep=80), settings.designs))
        print(f"{settings.designs:,} designs, {database.path.stat().st_size / 2**20:,.0f} MiB")
        began = time.monotonic()
        subprocess.run(
            [sys.executable, "-m", "rlnas.agents.cli.main", "report", str(run)], check=True
        )
        seconds = time.monotonic() - began
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**10
        print(f"the report took {seconds:.0f} s and {memory:,.0f} MiB at most")


if __name__ == "__main__":
    main(tyro.cli(Settings))

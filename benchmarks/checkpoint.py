"""What share of a training goes into its checkpoints, and how large they are.

python benchmarks/checkpoint.py
"""

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from rlnas.agents.config import TrainConfig
from rlnas.agents.training import checkpoint
from rlnas.agents.training.ppo import train

TIMES: list[np.ndarray] = []


def clocks() -> np.ndarray:
    """Seconds by the clock, which also runs while the disk is waited for, and of the processor."""
    return np.array([time.perf_counter(), time.process_time()])


def timed(self: checkpoint.Checkpoints) -> None:
    """The callback, and how long it took."""
    began = clocks()
    WHOLE(self)
    TIMES.append(clocks() - began)


WHOLE: Any = checkpoint.Checkpoints._on_rollout_start

if __name__ == "__main__":
    checkpoint.Checkpoints._on_rollout_start = timed  # type: ignore[method-assign]
    for dataset, steps in (("digits", 16_000), ("mixed", 16_000)):
        TIMES.clear()
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder) / "run"
            began = clocks()
            train(TrainConfig(dataset=(dataset,), total_timesteps=steps, run_dir=run))
            whole = clocks() - began
            size = checkpoint.checkpoints(run)[-1].stat().st_size
        each, share = np.mean(TIMES, axis=0), np.sum(TIMES, axis=0) / whole
        print(f"{dataset}: {len(TIMES)} checkpoints, the last has {size / 1e6:.2f} MB")
        for name, seconds, part in zip(("clock", "processor"), each, share, strict=True):
            print(f"  {name}: {1000 * seconds:.1f} ms each, {part:.2%} of the training")

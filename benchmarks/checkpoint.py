"""Size of the checkpoints of a training, and the share of its time that writing them takes.

    python benchmarks/checkpoint.py

Checkpoints are written by a callback of Stable-Baselines3 before every rollout. The callbacks are
timed there, each by the name of its class.
"""

import tempfile
import time
from collections import defaultdict
from pathlib import Path
from unittest.mock import patch

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback

from rlnas.agents import TrainConfig, train

STEPS = 16_000


def clocks() -> np.ndarray:
    """Wall-clock seconds, which include waiting for the disk, and processor seconds."""
    return np.array([time.perf_counter(), time.process_time()])


def main() -> None:
    """Train on two tasks, and print the size and the time of the checkpoints."""
    before_rollout = BaseCallback.on_rollout_start
    times: defaultdict[str, list[np.ndarray]] = defaultdict(list)

    def timed(self: BaseCallback) -> None:
        began = clocks()
        before_rollout(self)
        times[type(self).__name__].append(clocks() - began)

    for dataset in ("digits", "mixed"):
        times.clear()
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder) / "run"
            config = TrainConfig(dataset=(dataset,), total_timesteps=STEPS, run_dir=run)
            with patch.object(BaseCallback, "on_rollout_start", timed):
                began = clocks()
                train(config)
                whole = clocks() - began
            size = max((run / "checkpoints").iterdir()).stat().st_size
        spent = times["Checkpoints"]
        each, share = np.mean(spent, axis=0), np.sum(spent, axis=0) / whole
        print(f"{dataset}: {len(spent)} checkpoints, the last has {size / 1e6:.2f} MB")
        for name, seconds, part in zip(("wall clock", "processor"), each, share, strict=True):
            print(f"  {name}: {1000 * seconds:.1f} ms each, {part:.2%} of the training")


if __name__ == "__main__":
    main()

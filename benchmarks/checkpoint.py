"""What share of a training goes into its checkpoints, and how large they are.

python benchmarks/checkpoint.py
"""

import tempfile
import time
from pathlib import Path
from typing import Any

from rlnas.agents import checkpoint
from rlnas.agents.config import TrainConfig
from rlnas.agents.ppo import train

SECONDS: list[float] = []


def timed(self: checkpoint.Checkpoints) -> None:
    """The callback, and how long it took."""
    began = time.perf_counter()
    WHOLE(self)
    SECONDS.append(time.perf_counter() - began)


WHOLE: Any = checkpoint.Checkpoints._on_rollout_start

if __name__ == "__main__":
    checkpoint.Checkpoints._on_rollout_start = timed  # type: ignore[method-assign]
    for dataset, steps in (("digits", 16_000), ("mixed", 16_000)):
        SECONDS.clear()
        with tempfile.TemporaryDirectory() as folder:
            run = Path(folder) / "run"
            began = time.perf_counter()
            train(TrainConfig(dataset=(dataset,), total_timesteps=steps, run_dir=run))
            whole = time.perf_counter() - began
            size = checkpoint.checkpoints(run)[-1].stat().st_size
        print(
            f"{dataset}: {len(SECONDS)} checkpoints, {1000 * sum(SECONDS) / len(SECONDS):.1f} ms "
            f"each, {sum(SECONDS) / whole:.2%} of {whole:.0f} s; the last has {size / 1e6:.2f} MB"
        )

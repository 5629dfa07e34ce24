"""How much of the time of a design passes while its network is dense?

    python benchmarks/dense_steps.py

The episodes of `rlnas design` begin with a dense network. Each design is made several times, which
gives the same steps; the least processor time of each step, and of the whole design, counts, which
others who use the machine change least. A step edits the network, trains it, evaluates and probes
it; it counts by the density of the network that was trained. After the steps, the best network and
a linear one are trained briefly, then the better one is trained to the end and tested.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import tyro

from rlnas import Dataset, DesignEnv, load_dataset, markdown_table
from rlnas.agents import design

DENSE = 0.5
"""Density above which a network counts as dense."""


@dataclass(frozen=True)
class Settings:
    """What to design for."""

    datasets: tuple[str, ...] = ("digits", "mnist", "keel:abalone9-18", "keel:contraceptive")
    """Data sets, each of which has one design."""
    thorough: tuple[str, ...] = ("mnist",)
    """Data sets that have a thorough design as well."""
    rounds: int = 5
    """How often each design is made."""


def timed_design(data: Dataset, thorough: bool) -> tuple[float, np.ndarray, np.ndarray]:
    """Make a design.

    Returns:
        Processor time of it all and of the reset and each step, in seconds; and the density after
        each of them.
    """
    seconds, densities = [], []

    def timed(move: Callable[..., Any]) -> Callable[..., Any]:
        def moved(env: DesignEnv, *arguments: Any, **named: Any) -> Any:
            began = time.process_time()
            result = move(env, *arguments, **named)
            seconds.append(time.process_time() - began)
            densities.append(env.current_design.density)
            return result

        return moved

    with (
        tempfile.TemporaryDirectory() as folder,
        patch.object(DesignEnv, "reset", timed(DesignEnv.reset)),
        patch.object(DesignEnv, "step", timed(DesignEnv.step)),
    ):
        began = time.process_time()
        design(dataset=data, out=Path(folder) / "it", thorough=thorough, progress_bar=False)
        return time.process_time() - began, np.array(seconds), np.array(densities)


def main(settings: Settings) -> None:
    """Measure, and print a table."""
    rows = []
    asked = [(name, False) for name in settings.datasets]
    for name, thorough in [*asked, *((name, True) for name in settings.thorough)]:
        data = load_dataset(name)
        wholes, steps, densities = zip(
            *(timed_design(data, thorough) for _ in range(settings.rounds)), strict=True
        )
        whole, seconds, dense = min(wholes), np.min(steps, axis=0), densities[0] > DENSE
        rows.append(
            [
                f"{name}, thorough" if thorough else name,
                f"{dense.sum()} of {dense.size}",
                f"{seconds[dense].sum() / seconds.sum():.0%}",
                f"{seconds[dense].sum() / whole:.0%}",
                f"{seconds.sum():.2f}",
                f"{whole:.2f}",
            ]
        )
    columns = [
        "design for",
        f"networks denser than {DENSE:.0%}",
        "their share of the episode's time",
        "of the design's",
        "episode, s",
        "design, s",
    ]
    print(markdown_table(columns, rows))


if __name__ == "__main__":
    main(tyro.cli(Settings))

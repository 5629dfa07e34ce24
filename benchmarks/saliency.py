"""Which connections to remove: validation accuracy of sparse networks, by what saliency is.

    python benchmarks/saliency.py

Saliency is the squared weight times the second moment of its gradient to some power: 0 is
magnitude, 1/2 Adam's curvature (`rlnas.nn.edits.saliency`), 1 the empirical Fisher information. In
an episode of the default length, a dense network of 76 neurons is pruned to a fraction of its
weights, halved while it is far from there, then divided by 1.25 at a time; then it only trains.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

from rlnas.data import datasets
from rlnas.envs.actions import ACTIONS, ALL_LAYERS, Action
from rlnas.envs.design_env import DesignEnv
from rlnas.nn.network import EMA, SECOND_MOMENT, SparseNetwork
from rlnas.scoring import REFERENCE_WIDTH

POWERS = (0.0, 0.5, 0.75, 1.0)
NONE, SLOWLY, FAST = (
    ACTIONS.index(action)
    for action in (
        Action("none"),
        Action("remove_connections", ALL_LAYERS, 1.25),
        Action("remove_connections", ALL_LAYERS, 2),
    )
)


@dataclass(frozen=True)
class Settings:
    """Which tasks, how sparse."""

    names: tuple[str, ...] = (
        *("digits", "wine", "breast_cancer", "mnist", "fashion_mnist"),
        *(f"images:{seed}" for seed in (3, 17, 40)),
        *(f"varied:{seed}" for seed in (5, 30, 77)),
        *(f"synthetic:{seed}" for seed in (9, 20, 28)),
    )
    """Data sets."""
    fractions: tuple[int, ...] = (10, 40)
    """The dense network has so many times the weights that are kept."""
    seeds: int = 8
    """Episodes of each."""
    data_dir: Path | None = None
    """Folder with IDX files, searched first."""


def saliency(power: float) -> Callable[[SparseNetwork], np.ndarray]:
    """Of connections, by a power of the second moment."""

    def of(network: SparseNetwork) -> np.ndarray:
        state = network.connections
        return state[EMA].astype(float) ** 2 * (state[SECOND_MOMENT] + 1e-30) ** power

    return of


def accuracy(env: DesignEnv, fraction: int, seed: int) -> float:
    """Of validation, at the end of an episode."""
    env.reset(seed=seed, options={"architecture": ((REFERENCE_WIDTH, 1.0),)})
    target = env.reference / fraction
    over = False
    while not over:
        weights = env.current_design.active_weights
        wanted = FAST if weights > 8 * target else SLOWLY if weights > 1.12 * target else NONE
        *_, over, _, info = env.step(wanted if env.action_masks()[wanted] else NONE)
    return info["val_accuracy"]


def main(settings: Settings) -> None:
    """Play, print a table."""
    print("| data set | weights | " + " | ".join(f"power {power:g}" for power in POWERS) + " |")
    print("|---" * (2 + len(POWERS)) + "|")
    means = []
    for name in settings.names:
        data = datasets.load_dataset(name, data_dir=settings.data_dir)
        for fraction in settings.fractions:
            row = []
            for power in POWERS:
                env = DesignEnv(data, penalty=1e-4, saliency=saliency(power))
                row.append(
                    np.mean([accuracy(env, fraction, seed) for seed in range(settings.seeds)])
                )
            means.append(row)
            cells = " | ".join(f"{value:.2%}" for value in row)
            print(f"| {name} | {env.reference // fraction:,} | {cells} |", flush=True)
    print("| mean | | " + " | ".join(f"{value:.2%}" for value in np.mean(means, axis=0)) + " |")


if __name__ == "__main__":
    main(tyro.cli(Settings))

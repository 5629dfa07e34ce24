r"""How much of the gap between a blind policy and a search of each task does observing close?

    rlnas transfer --datasets mixed_held_out --seeds 5 --out runs/transfer \
        --policies agents/shipped/controller runs/blind
    python benchmarks/gap.py --transfer runs/transfer --blind blind --out runs/gap

A blind policy observes the step count alone (`rlnas train --features blind`). A policy designs a
network for a task in one episode; a search takes a hundred episodes. The same command again
continues where the last one was stopped.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tyro

from rlnas.agents import SearchTask, compare, trimmed_mean_interval

METHODS = ("random", "hill_climbing", "aging_evolution", "cartesian_programming")
"""Searches whose designs are trained for as long as an episode lasts, no longer."""


@dataclass(frozen=True)
class Settings:
    """The designs and the searches."""

    transfer: Path
    """Folder of `rlnas transfer`."""
    out: Path
    """Folder for the searches."""
    blind: str
    """Name of the blind policy among the methods of `rlnas transfer`."""
    budget: int = 52_500
    """Training batches of a search; an episode takes 525 on the held-out family."""


def main(settings: Settings) -> None:
    """Search each task at each penalty, and print the gap."""
    designs: dict[tuple[str, float], list[dict[str, dict[str, float]]]] = {}
    for found in json.loads((settings.transfer / "results.json").read_text()):
        if found["dataset"].startswith("heldout:"):
            designs.setdefault((found["dataset"], found["penalty"]), []).append(found["designs"])
    searched = []
    for name, penalty in designs:
        task = SearchTask(name, tabular=False, penalty=penalty, budget=settings.budget)
        out = settings.out / f"{name.replace(':', '_')}-{penalty:g}"
        results = compare(task, out, METHODS, n_seeds=1)
        (best, *_) = sorted((runs[0] for runs in results.values()), key=lambda run: -run["score"])
        searched.append(best["test_score"])

    def mean(method: str) -> np.ndarray:
        """float64 `[tasks]`: mean test scores of the designs of a policy."""
        return np.array(
            [np.mean([each[method]["test_score"] for each in some]) for some in designs.values()]
        )

    seeing, blind, bound = mean("controller"), mean(settings.blind), np.array(searched)
    print(f"{len(seeing)} combinations of a task and a penalty; test scores")
    for name, values in {"blind": blind, "seeing": seeing, "best of the searches": bound}.items():
        print(f"{name}: {trimmed_mean_interval(values):.4f}")
    print(f"seeing better than blind by {trimmed_mean_interval(seeing - blind):+.4f}")
    closed = (seeing - blind).mean() / (bound - blind).mean()
    print(f"seeing closes {closed:.0%} of the gap between blind and the searches (means)")


if __name__ == "__main__":
    main(tyro.cli(Settings))

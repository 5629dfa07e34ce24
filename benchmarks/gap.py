r"""How much of the gap between a blind policy and a search of each task does seeing close?

    rlnas transfer --datasets mixed_held_out --seeds 5 --out runs/transfer \
        --policies agents/shipped/controller runs/controllers/blind
    python benchmarks/gap.py --transfer runs/transfer --blind blind --out runs/gap

A policy designs a network for a task in one episode; a search spends a hundred episodes on it. The
same command again goes on where the last one ended.
"""

from dataclasses import asdict, dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np
import tyro

from rlnas.agents.experiments.compare import CONTROLLER, SearchTask, run
from rlnas.agents.experiments.statistics import estimate
from rlnas.files.json_files import read_json
from rlnas.jobs import Call, own_folder, run_all

METHODS = ("random", "hill_climbing", "aging_evolution", "cartesian_programming")
"""Searches whose designs are trained for as long as an episode lasts, no longer."""


@dataclass(frozen=True)
class Settings:
    """Which designs, how long a search."""

    transfer: Path
    """Folder of `rlnas transfer`."""
    out: Path
    """Folder for the searches."""
    blind: str
    """Name of the blind policy among the rivals."""
    budget: int = 52_500
    """Training batches of a search; an episode has 525 on the held-out family."""


def main(settings: Settings) -> None:
    """Search each task at each penalty, print the gap."""
    designs: dict[tuple[str, float], list[dict[str, dict[str, float]]]] = {}
    for found in read_json(settings.transfer / "results.json"):
        if found["dataset"].startswith("heldout:"):
            designs.setdefault((found["dataset"], found["penalty"]), []).append(found["designs"])
    own_folder(settings.out, {"budget": settings.budget})
    everything = list(product(designs, METHODS))
    calls = []
    for (name, penalty), method in everything:
        search = SearchTask(name, False, penalty, settings.budget)
        search = replace(search, fingerprint=search.load().fingerprint)
        key = {**asdict(search), "method": method}
        calls.append(Call(f"{name}-{penalty:g}-{method}", key, (search, method, 0), search.form))
    searches: dict[tuple[str, float], list[dict[str, float]]] = {}
    found = run_all(run, settings.out, calls, "search")
    for (task, _), result in zip(everything, found, strict=True):
        searches.setdefault(task, []).append(result)

    def mean(method: str) -> np.ndarray:
        """float64 `[tasks]`: test score of a policy's designs."""
        return np.array(
            [np.mean([each[method]["test_score"] for each in some]) for some in designs.values()]
        )

    seeing, blind = mean(CONTROLLER), mean(settings.blind)
    bound = np.array(
        [max(some, key=lambda each: each["score"])["test_score"] for some in searches.values()]
    )
    print(f"{len(seeing)} combinations of a task and a penalty; test scores")
    for name, values in {"blind": blind, "seeing": seeing, "best of the searches": bound}.items():
        print(f"{name}: {estimate(values):.4f}")
    print(f"seeing better than blind by {estimate(seeing - blind):+.4f}")
    closed = (seeing - blind).mean() / (bound - blind).mean()
    print(f"seeing closes {closed:.0%} of the gap between blind and the searches (means)")


if __name__ == "__main__":
    main(tyro.cli(Settings))

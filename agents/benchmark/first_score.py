"""A first score: random actions, a fixed sequence and a short training, on the validation tasks."""

import logging
from collections.abc import Callable
from pathlib import Path

from rlnas.agents.benchmark.entrants import sb3_player
from rlnas.agents.benchmark.evaluating import evaluate
from rlnas.agents.benchmark.playing import Player
from rlnas.agents.benchmark.protocol import Protocol
from rlnas.agents.benchmark.report import comparison, scores_plot
from rlnas.agents.benchmark.rivals.fitting import greedy_sequences
from rlnas.agents.benchmark.rivals.learned import train_rival
from rlnas.agents.benchmark.rivals.simple import RandomPlayer
from rlnas.agents.benchmark.submission import (
    About,
    Submission,
    read_submission,
    write_submission,
)
from rlnas.family.family_file import Family
from rlnas.files.atomic import replace_file
from rlnas.files.folders import locked
from rlnas.files.reading import sha256_of
from rlnas.parallel.jobs import own_folder
from rlnas.validation import whole

STEPS = 2_000_000
"""Steps of PPO: one to two minutes of one processor."""

_log = logging.getLogger("rlnas")


def first_score(
    folder: str | Path,
    family: Family,
    steps: int = STEPS,
    seed: int = 0,
    *,
    n_jobs: int = -1,
    progress_bar: bool = True,
) -> dict[str, Submission]:
    """Evaluate random actions, a fixed sequence and PPO on the validation tasks.

    The sequence and the policy are made on the training tasks. The same call again continues
    unfinished work.

    Args:
        folder: Gets a result for each of them, `ppo.zip`, `scores.md` and `scores.png`.
        family: The tables.
        steps: Number of steps of the training.
        seed: Seed of everything random.
        n_jobs: Number of workers that look for sequences; -1 for one per processor.
        progress_bar: Whether to show progress bars.

    Returns:
        The results by name.

    Raises:
        InputError: A value cannot be used, the family has no tasks for training or validation, or
            the folder holds anything else or is in use.
    """
    folder, protocol = Path(folder), Protocol("validation")
    steps, seed = whole("steps", steps, 1), whole("seed", seed, 0)
    protocol.tables(family)
    n_tasks = len(Protocol("train").tables(family))

    def sequence() -> Player:
        _log.info("a sequence of actions is chosen on %d training tasks", n_tasks)
        return greedy_sequences(family, n_jobs=n_jobs, progress_bar=progress_bar)

    def learned() -> Player:
        path = folder / "ppo.zip"
        if not path.exists():
            _log.info("PPO learns on %d training tasks, in %s steps", n_tasks, f"{steps:,}")
            train_rival(family, "seeing", path, steps, seed, progress_bar=progress_bar)
        return sb3_player(path)

    entrants: dict[str, tuple[Callable[[], Player], str]] = {
        "random": (lambda: RandomPlayer(seed), "legal actions, all equally often"),
        "sequence": (sequence, f"greedy, on {n_tasks} training tasks"),
        "ppo": (learned, f"MaskablePPO, {steps} steps on {n_tasks} training tasks, seed {seed}"),
    }
    settings = {"family": sha256_of(family.path), "steps": steps, "seed": seed}
    own_folder(folder, {"first score": settings})
    with locked(folder):
        results = {}
        for name, (player, note) in entrants.items():
            path = folder / f"{name}.json"
            if not path.exists():
                who = player()
                made = evaluate(who, family, About(name, note=note), protocol, progress_bar)
                write_submission(path, made)
            results[name] = read_submission(path)
        replace_file(folder / "scores.png", scores_plot(results))
        text = f"{comparison(results)}\n\n![Scores with their intervals](scores.png)\n"
        replace_file(folder / "scores.md", text.encode())
    return results

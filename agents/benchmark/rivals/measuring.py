"""Measuring rivals on a split by the protocol, each in a file of its own, and one table of all."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rlnas.agents.benchmark.evaluating import scored
from rlnas.agents.benchmark.playing import Episode, Played, Player, play
from rlnas.agents.benchmark.protocol import Protocol
from rlnas.agents.benchmark.report import comparison
from rlnas.agents.benchmark.rivals.acting import players
from rlnas.agents.benchmark.rivals.cells import nearest_of
from rlnas.agents.benchmark.rivals.fitted import PORTFOLIOS, Fitted
from rlnas.agents.benchmark.rivals.larger import measure_larger
from rlnas.agents.benchmark.rivals.lists import look_up_lists
from rlnas.agents.benchmark.rivals.searches import SEARCHES, search
from rlnas.agents.benchmark.rivals.simple import NothingPlayer, RandomPlayer
from rlnas.agents.benchmark.scores import overall
from rlnas.agents.benchmark.submission import (
    About,
    Submission,
    read_submission,
    write_submission,
)
from rlnas.errors import InputError
from rlnas.family.family_file import Family
from rlnas.family.table import TaskTable
from rlnas.files.atomic import make_folder, replace_file
from rlnas.files.reading import sha256_of
from rlnas.markdown import markdown_table
from rlnas.progress import progress

Rival = Callable[[Sequence[TaskTable], Sequence[Episode]], Played]
"""From tables and episodes to what was done and gained."""


def rivals(fitted: Fitted, seed: int = 0) -> dict[str, Rival]:
    """All rivals that do not learn and get the budget of the episodes, by name.

    Args:
        fitted: What was chosen on training tasks.
        seed: Seed of what is random.
    """
    acting: dict[str, Player] = {"nothing": NothingPlayer(), "random": RandomPlayer(seed)}
    acting |= players(fitted)
    found = {name: _playing(player) for name, player in acting.items()}
    lists = {
        "1 design": [each.designs[:1] for each in fitted.choices],
        **{f"{k} designs": [each.designs[:k] for each in fitted.choices] for k in PORTFOLIOS},
        "all designs": [each.designs for each in fitted.choices],
        "pruning": [each.pruning for each in fitted.choices],
    }
    found |= {name: _looking_up(fitted.prices, each) for name, each in lists.items()}
    return found | {name: _searching(name, seed) for name in SEARCHES}


def _playing(player: Player) -> Rival:
    return lambda tables, episodes: play(tables, episodes, player)


def _looking_up(prices: list[tuple[float, float]], lists: list[tuple[int, ...]]) -> Rival:
    def rival(tables: Sequence[TaskTable], episodes: Sequence[Episode]) -> Played:
        which = nearest_of(
            prices,
            np.array([each.penalty for each in episodes]),
            np.array([each.budget for each in episodes]),
        )
        return look_up_lists(tables, episodes, [lists[k] for k in which])

    return rival


def _searching(name: str, seed: int) -> Rival:
    return lambda tables, episodes: search(tables, episodes, SEARCHES[name], seed=seed)


def measure_rivals(
    family: Family,
    fitted: Fitted,
    folder: str | Path,
    protocol: Protocol | None = None,
    seed: int = 0,
    n_jobs: int = -1,
    progress_bar: bool = True,
) -> str:
    """Measure all rivals that do not learn on training tasks; those whose files are there are read.

    Args:
        family: The tables.
        fitted: What was chosen on training tasks.
        folder: Gets a result for each rival, `larger` with the scores of searches, and PPO from
            scratch, that have 10 and 100 times the budget, and `rivals.md`.
        protocol: The rules; by default those of the test.
        seed: Seed of what is random.
        n_jobs: Number of workers for what has larger budgets; -1 for one per processor.
        progress_bar: Whether to show progress bars.

    Returns:
        What `rivals.md` says.

    Raises:
        InputError: The family does not fit, or a file in the folder is damaged or of other tables
            or rules.
    """
    protocol, folder = protocol or Protocol(), Path(folder)
    tables = protocol.tables(family)
    episodes = protocol.episodes([table.task.name for table in tables])
    some, sha256, results = rivals(fitted, seed), sha256_of(family.path), {}
    make_folder(folder)
    with progress(progress_bar, total=len(some), unit="rivals") as bar:
        for name, rival in some.items():
            path = folder / f"{name.replace(' ', '-')}.json"
            if not path.exists():
                note = f"fitted on {fitted.tasks} tasks, seed {seed}"
                made = scored(rival(tables, episodes), family, About(name, note=note), protocol)
                write_submission(path, made)
            results[name] = read_submission(path)
            if (results[name].family, results[name].protocol) != (sha256, protocol):
                raise InputError(f"{path} is of other tables or rules: delete it to measure again")
            bar.update()
    finals = measure_larger(family, folder / "larger", protocol, seed, n_jobs, progress_bar)
    text = table_of(results, finals)
    replace_file(folder / "rivals.md", f"{text}\n".encode())
    return text


def table_of(results: dict[str, Submission], finals: dict[str, NDArray[np.float64]]) -> str:
    """All rivals as Markdown: compared with each other, in hindsight, with larger budgets.

    Args:
        results: Results by the protocol.
        finals: Scores of the last designs of others, float64 `[tasks, 1]`.
    """
    best = {
        key: hindsight([getattr(each, key) for each in results.values()])
        for key in ("anytime", "final")
    }
    rows = [
        ["best of all in hindsight", *(f"{overall(each):.3f}" for each in best.values())],
        *([name, "", f"{overall(each):.3f}"] for name, each in finals.items()),
    ]
    more = markdown_table(["", "score", "score at the end"], rows)
    return f"{comparison(results)}\n\n{more}"


def hindsight(scores: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The scores of whichever is best on each task by its mean over the seeds.

    Args:
        scores: Of each, float64 `[tasks, seeds]`.
    """
    every = np.stack(scores)
    which = every.mean(axis=2).argmax(axis=0)
    found: NDArray[np.float64] = every[which, np.arange(which.size)]
    return found

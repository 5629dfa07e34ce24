"""Searching for a design within limits: trials in a fixed order, as many as time allows."""

from collections.abc import Callable, Iterator, Sequence
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import joblib

from rlnas.agents.config import SHIPPED
from rlnas.agents.designing.calibration import divide_logits, temperature_of
from rlnas.agents.designing.finish import BRIEF_BATCHES, train_on_all
from rlnas.agents.designing.search.limits import Asked, Limits
from rlnas.agents.designing.search.pace import SLACK, Pace
from rlnas.agents.designing.search.trials import (
    LINEAR,
    USUAL,
    Recipe,
    Task,
    Trial,
    play,
    recipe_of,
    warm_up,
)
from rlnas.agents.designing.search.unions import Pool, Union
from rlnas.data.dataset import Dataset
from rlnas.data.folds import folds
from rlnas.designs.record import NetworkRecord, PointRecord, SearchRecord
from rlnas.errors import InputError
from rlnas.export.c.sizes import check_form
from rlnas.nn.network import SparseNetwork
from rlnas.nn.rewiring import side_by_side
from rlnas.objective import shown_value
from rlnas.parallel.jobs import in_order
from rlnas.progress import progress
from rlnas.scoring import score

FIRST = 2
"""Trials that are played before anything else: a linear network and an ordinary episode."""

ROUND = 4
"""Trials that are played before their results have an influence on further ones."""

WORTH_WORKERS = 10.0
"""Seconds of trials from which on starting other processes pays."""


class Searched(NamedTuple):
    """The result of `search`.

    Attributes:
        network: The design, trained to the end.
        record: What is known about it without the test samples, as JSON values.
    """

    network: SparseNetwork
    record: dict[str, Any]


def search(
    data: Dataset,
    asked: Asked,
    policy: Path = SHIPPED,
    *,
    seed: int = 0,
    jobs: int = -1,
    progress_bar: bool = False,
) -> Searched:
    """Search for the best design within limits, and train it to the end.

    Trial after trial is played; the best union of networks of the trials (`unions.Pool`) is the
    design. Its networks are trained to the end on training and validation samples, then put side by
    side. The number of trials determines the result, the number of workers does not influence it.
    If the search is interrupted (Ctrl-C), the best design so far is the result.

    Args:
        data: The data set; its test samples are not read.
        asked: Limits, penalty, and time or number of trials.
        policy: Run folder of the policy; by default the one that comes with rlnas.
        seed: Seed of everything random.
        jobs: Number of workers; -1 for one per processor.
        progress_bar: Show progress.

    Raises:
        InputError: Nothing fits, nothing reaches the least accuracy, or the time is too short.
        KeyboardInterrupt: The search was interrupted before there was a design.
    """
    check_form(asked.limits.form, data.preprocessing.targets)
    limits, penalty, seconds, trials = asked.limits, asked.penalty, asked.seconds, asked.trials
    task = Task(folds(data), limits, policy, seed)
    pool = Pool(task, penalty)
    if seconds is not None:
        warm_up(task)
    pace, curve = Pace(data, seconds), list[PointRecord]()
    shown = {"total": trials, "unit": "trial"} if seconds is None else _clock(seconds)
    interrupted = False
    with progress(progress_bar, **shown, desc="searching") as bar:

        def moved() -> None:
            bar.update((len(pace.taken) if seconds is None else int(pace.passed)) - bar.n)

        try:
            for trial in _trials(task, pool, pace, trials, jobs, moved):
                before = pool.best
                pool.add(trial)
                pace.taken.append(trial)
                if pool.best is not None and pool.best is not before:
                    curve.append(_point(pool, pool.best, pace))
                    bar.set_postfix_str(
                        _in_words(pool.best, data.objective.metric_name), refresh=False
                    )
                moved()
        except KeyboardInterrupt:
            if pool.best is None:
                raise
            interrupted = True
    best = _checked(pool.best, pace.taken, data, limits)
    final = [
        (trial.network, data, seed, progress_bar and len(best.trials) == 1) for trial in best.trials
    ]
    workers = 1 if interrupted else _workers(jobs, pace.final(len(final)))
    network = side_by_side([*in_order(_finished, final, workers)])
    calibrated: dict[str, float] = {}
    if (temperature := temperature_of(best.answers, data, task.judged)) is not None:
        divide_logits(network, temperature)
        calibrated["temperature"] = temperature
    searched: SearchRecord = {
        "trials": len(pace.taken),
        "interrupted": interrupted,
        "limits": {**limits.given},
        "format": limits.form,
        "judged": task.judged.size,
        "networks": [_member(trial, len(task.folds)) for trial in best.trials],
        "curve": curve,
        "front": pool.front(),
    }
    if seconds is not None:
        searched["seconds"] = seconds
    return Searched(
        network,
        {
            **_facts(best, task, penalty),
            **calibrated,
            "seed": seed,
            "batches": {"episode": best.network().steps - BRIEF_BATCHES, "all": network.steps},
            "search": searched,
        },
    )


def _trials(
    task: Task,
    pool: Pool,
    pace: Pace,
    count: int | None,
    jobs: int,
    moved: Callable[[], None],
) -> Iterator[Trial]:
    """Play trials in order, as many as are asked for or as there is time for.

    The first two are played in this process, one after the other, and tell how long others take.

    Yields:
        Each trial; before the next is asked for, it has to be in `pool` and in `pace.taken`.
    """

    def recipes(numbers: range) -> Iterator[tuple[int, Recipe, Task]]:
        """The next trials, as long as there is time for them."""
        wishes = [each for trial in known for each in _wish(trial, task)]
        for number in numbers:
            recipe = recipe_of(number, task, wishes)
            networks = 0 if pool.best is None else len(pool.best.trials)
            if number >= FIRST and not pace.allows(recipe.start, networks):
                return
            yield number, recipe, task

    known: list[Trial] = []
    for number, recipe, _ in recipes(range(min(FIRST, count or FIRST))):
        began = pace.passed

        def on_step(share: float, before: float = began) -> None:
            moved()
            pace.check(before + SLACK * (pace.passed - before) / share + pace.final(1))

        yield play(number, recipe, task, on_step)
        pace.check(pace.passed + pace.of_trial(USUAL) + pace.final(1))
    while count is None or len(pace.taken) < count:
        known = [*pace.taken]
        first = len(known)
        stop = first + ROUND - first % ROUND
        numbers = range(first, stop if count is None else min(stop, count))
        if pace.seconds is None:
            assert count is not None
            ahead = sum(
                pace.of_trial(recipe.start) for _, recipe, _ in recipes(range(first, count))
            )
        else:
            ahead = pace.seconds - pace.passed
        yield from in_order(_played, recipes(numbers), _workers(jobs, ahead))
        if len(pace.taken) < numbers.stop:
            return


def _wish(trial: Trial, task: Task) -> list[tuple[float, bool]]:
    """What a trial says about the recipes of further ones, see `recipe_of`."""
    least = task.limits.min_accuracy
    if least is not None:
        reached = trial.answers is not None and task.judge(trial.answers).metric >= least
        return [(1 / trial.network.active_weights, reached)]
    return [] if trial.recipe.start == LINEAR else [(trial.recipe.price, not trial.fits)]


def _workers(jobs: int, seconds: float) -> int:
    """Number of workers for so many seconds of work; others have to start first."""
    return 1 if seconds < WORTH_WORKERS else joblib.effective_n_jobs(jobs)


def _played(number: int, recipe: Recipe, task: Task) -> Trial:
    return play(number, recipe, task)


def _finished(network: SparseNetwork, data: Dataset, seed: int, shown: bool) -> SparseNetwork:
    """A copy of a network, trained to the end."""
    network = network.copy()
    train_on_all(network, data, seed, shown)
    return network


def _checked(best: Union | None, taken: Sequence[Trial], data: Dataset, limits: Limits) -> Union:
    """The best design.

    Raises:
        InputError: There is none, or it does not reach the least accuracy.
    """
    if best is None:
        smallest = min(taken, key=lambda trial: trial.network.active_weights)
        raise limits.unmet(smallest.network, data.preprocessing)
    least = limits.min_accuracy
    if least is not None and best.judged.metric < least:
        within = f" within {limits.sizes_in_words}" if limits.sizes else ""
        raise InputError(
            f"nothing{within} reaches --min-accuracy {least:g} in validation: of "
            f"{len(taken)} trials the best {data.objective.shown} is {best.judged.metric:.4f}, "
            "give less, or more --time or --trials"
        )
    return best


def _facts(best: Union, task: Task, penalty: float) -> dict[str, Any]:
    """What the record of any design says, but for its test."""
    network = best.network()
    return {
        "penalty": penalty,
        "score": score(best.judged.metric, network.active_weights, penalty, task.reference),
        "val_metric": best.judged.metric,
        "val_loss": best.judged.loss,
        "active_weights": network.active_weights,
        "density": network.density,
        "layer_sizes": [*network.layer_sizes],
        "layer_densities": [*network.layer_densities],
        **task.data.origin,
        "task_reason": task.data.reason,
        "reference": task.reference,
        "linear": network.depth == 0,
    }


def _member(trial: Trial, n_folds: int) -> NetworkRecord:
    """What is told about one network of the design."""
    return {
        "trial": trial.number,
        "start": trial.recipe.start,
        "price": trial.recipe.price,
        "fold": trial.number % n_folds,
        "active_weights": trial.network.active_weights,
        "layer_sizes": [*trial.network.layer_sizes],
    }


def _point(pool: Pool, best: Union, pace: Pace) -> PointRecord:
    """A point of the curve of the best design so far."""
    return {
        "seconds": pace.passed,
        "trials": len(pace.taken),
        "merit": pool.merit(best),
        "val_metric": best.judged.metric,
        "active_weights": best.weights,
    }


def _clock(seconds: float) -> dict[str, Any]:
    """Options of a progress bar over time."""
    return {"total": ceil(seconds), "unit": "s"}


def _in_words(best: Union, metric: str) -> str:
    count = f" in {len(best.trials)} networks" if len(best.trials) > 1 else ""
    return f"{shown_value(metric, best.judged.metric)} with {best.weights:,} weights{count}"

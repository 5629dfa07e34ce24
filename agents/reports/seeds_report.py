"""The report of trainings with several seeds: their curves as one with its band, and a table."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rlnas import plots
from rlnas.agents.experiments.seeds import (
    SeedRun,
    band,
    evaluation_curve,
    in_words,
    kept_scores,
    mean_in_words,
    seed_runs,
)
from rlnas.agents.policies.outcome import MEASURES
from rlnas.agents.policies.run_folder import has_ended
from rlnas.agents.reports.learning_curves import STEPS, read_progress
from rlnas.agents.reports.sections import Section, png
from rlnas.agents.reports.training_sections import draw_rivals
from rlnas.agents.training.watching import tags

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def of_seeds(folder: Path) -> tuple[dict[str, Any], list[str], list[Section]]:
    """The facts, notes and sections of the report.

    Args:
        folder: What `train_seeds` returned; its trainings may still be in progress.

    Raises:
        InputError: A file of a training is damaged.
    """
    runs = seed_runs(folder)
    config, scores = runs[0].config, kept_scores(runs)
    totals = sorted({run.config.timesteps for run in runs})
    facts = {
        "data": ", ".join(config.dataset),
        "algorithm": config.algorithm,
        "steps": f"{' or '.join(f'{total:,}' for total in totals)} of each training",
        "seeds": ", ".join(str(run.seed) for run in runs),
    }
    if scores:
        facts["interquartile mean"] = mean_in_words(scores)
    notes = []
    if not all(has_ended(run.folder) for run in runs):
        notes.append("Trainings are still in progress, or were cut short: what there is so far.")
    if len(totals) > 1:
        notes.append("The trainings differ in length: means and intervals mix them.")
    return facts, notes, [_curves(runs, in_words(folder)), _table(runs)]


def _curves(runs: Sequence[SeedRun], text: str) -> Section:
    drawn, (left, right) = plots.figure(12, 4.5, columns=2)
    steps, scores = evaluation_curve(runs)
    first = next((run.evaluations for run in runs if run.evaluations is not None), None)
    if first is not None and steps.size:
        _draw_band(steps, scores, left)
        draw_rivals(first.rivals, left)
        left.set_ylabel(f"mean {MEASURES[first.measure]} in held-out episodes")
    steps, scores = _training_curve(runs)
    if steps.size:
        _draw_band(steps, scores, right)
        right.set_ylabel("mean score of the episodes of the training")
    for axes in (left, right):
        axes.set_xlabel("environment steps")
        axes.grid(alpha=0.3)
        if axes.lines:
            axes.legend()
    told = (
        "The line is the interquartile mean over the seeds, the band its 95 % bootstrap interval, "
        "which with fewer than five seeds is from the least to the largest; thin lines are the "
        f"seeds. {text}."
    )
    return Section("Seeds", told, png(drawn))


def _training_curve(runs: Sequence[SeedRun]) -> tuple[np.ndarray, np.ndarray]:
    """Steps `[n]` and scores `[seeds, n]` of the updates that all trainings have."""
    tag = tags.FINAL if runs[0].config.budget is None else tags.ANYTIME
    rows = [read_progress(run.folder / "progress.csv", [tag]) for run in runs]
    curves = [{row[STEPS]: row[tag] for row in each} for each in rows]
    steps = sorted(set.intersection(*map(set, curves)))
    scores = np.array([[curve[step] for step in steps] for curve in curves], float)
    return np.array(steps), scores.reshape(len(curves), len(steps))


def _draw_band(steps: np.ndarray, scores: np.ndarray, axes: "Axes") -> None:
    middle, low, high = np.array(band(scores)).T
    mark = "o" if steps.size < 30 else ""
    axes.plot(steps, scores.T, color="tab:blue", alpha=0.35, lw=0.8)
    axes.fill_between(steps, low, high, color="tab:blue", alpha=0.2)
    axes.plot(steps, middle, color="tab:blue", lw=2, marker=mark, ms=4, label="these trainings")


def _table(runs: Sequence[SeedRun]) -> Section:
    rows = []
    for run in runs:
        found = run.evaluations
        values: tuple[str, ...] = ("no evaluation", "", "", "")
        if found is not None:
            best, last = found.best, found.last
            values = (
                f"{best.score:.4f}",
                f"{best.timesteps:,}",
                f"{best.active_weights:,.0f}",
                f"{last.score:.4f} after {last.timesteps:,} steps",
            )
        done = read_progress(run.folder / "progress.csv", [])
        steps = f"{done[-1][STEPS] if done else 0:,.0f} of {run.config.timesteps:,}"
        rows.append({"kind": "", "cells": (run.seed, steps, *values)})
    return Section(
        "Seed by seed",
        "The policy that is kept, in the held-out episodes, the same for all; and the last one.",
        columns=("seed", "steps", "score", "after so many steps", "weights", "the last one"),
        rows=rows,
    )

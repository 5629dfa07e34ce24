"""The report of a run or a design: one self-contained HTML page."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from rlnas import plots
from rlnas.agents.config import BUDGET_REWARDS
from rlnas.agents.designing.evaluation import evaluation_metrics, original_data
from rlnas.agents.designing.finish import LINEAR_WAS_BETTER
from rlnas.agents.designing.rivals import MEASURES, measured, rivals
from rlnas.agents.designing.search.facts import search_facts
from rlnas.agents.designing.spending import spending_facts
from rlnas.agents.policies.run_config import read_train_config
from rlnas.agents.policies.run_folder import has_ended, runs_of_seeds
from rlnas.agents.reports.film import FILM
from rlnas.agents.reports.learning_curves import learning_curves
from rlnas.agents.reports.search_sections import against_time, networks
from rlnas.agents.reports.sections import (
    Section,
    by_class,
    by_target,
    columns,
    of_network,
    png,
    spending,
)
from rlnas.agents.reports.seeds_report import of_seeds
from rlnas.agents.reports.training_sections import episode, evaluations
from rlnas.agents.training.watching.evaluations import read_evaluations
from rlnas.designs.database import FILE, DesignDatabase, DesignRecord
from rlnas.designs.saved import SavedDesign, load_design
from rlnas.errors import InputError
from rlnas.export.c.sizes import c_bytes
from rlnas.export.inference import for_inference
from rlnas.files.atomic import check_writable, replace_file
from rlnas.files.plain_text import plain
from rlnas.objective import shown_metric, shown_value
from rlnas.scoring import reference_weights

TEMPLATE = Path(__file__).with_name("report.html.jinja")


def write_report(
    folder: str | Path, out: str | Path | None = None, *, data_dir: Path | None = None
) -> Path:
    """Write one HTML page about a run or a design.

    Args:
        folder: Run folder of a training, which may still be in progress, folder of a design, or of
            trainings with several seeds. A film in a run folder, which `film` makes, is shown.
        out: File to write; by default `report.html` in that folder.
        data_dir: Folder with IDX files, searched first.

    Returns:
        The file.

    Raises:
        InputError: The folder is neither a run nor a design, a file in it is damaged, or the page
            cannot be written.
    """
    folder = Path(folder)
    path = report_file(folder, out)
    try:
        title, facts, notes, sections = _content(folder, data_dir)
    except InputError:
        raise
    except KeyError as error:  # a record may lack facts that are drawn
        raise InputError(f"{folder} is damaged: it lacks {error}") from error
    except ValueError as error:  # a date is malformed
        raise InputError(f"{folder} is damaged: {error}") from error
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    text = page.render(title=title, facts=facts, notes=notes, sections=sections)
    replace_file(path, text.encode())
    return path


def report_file(folder: Path, out: str | Path | None) -> Path:
    """The file that `write_report` writes.

    Raises:
        InputError: It cannot be written.
    """
    path = folder / "report.html" if out is None else Path(out)
    check_writable(path)
    return path


Page = tuple[str, dict[str, Any], list[str], list[Section]]
"""Title, facts, notes and sections."""


def _content(folder: Path, data_dir: Path | None) -> Page:
    if (folder / "config.json").is_file():
        return _of_run(folder, data_dir)
    if (folder / "design.json").is_file():
        return _of_design(folder, data_dir)
    if runs_of_seeds(folder):
        return plain(f"Seeds {folder.name}"), *of_seeds(folder)
    raise InputError(
        f"{folder} is neither a run nor a design: expected a folder made by `rlnas train` or "
        "`rlnas design`"
    )


def _of_run(folder: Path, data_dir: Path | None) -> Page:
    settings, notes, sections = read_train_config(folder), [], []
    if not has_ended(folder):
        notes.append("This run is still in progress, or was cut short: what there is so far.")
    with_budget = settings.budget is not None
    for title, text, drawn in learning_curves(folder / "progress.csv", with_budget):
        sections.append(Section(title, text, png(drawn)))
    evaluated = read_evaluations(folder)
    if evaluated is not None:
        sections.append(evaluations(evaluated, folder, settings.timesteps))
    sections += episode(folder / FILM)
    archive = DesignDatabase(folder / FILE)
    count, last = archive.extent() if archive.exists() else (0, 0)
    facts: dict[str, Any] = {
        "data": ", ".join(settings.dataset),
        "algorithm": settings.algorithm,
        "steps": f"{last:,} of {settings.timesteps:,}",
        "seed": settings.seed,
        "designs evaluated": f"{count:,}",
    }
    if settings.budget is not None:
        budget = " to ".join(f"{each:g}" for each in settings.budget)
        facts["budget"] = f"{budget} units of training cost"
        facts["reward"] = settings.reward or BUDGET_REWARDS[0]
        if settings.given is not None:
            facts["given"] = f"{settings.given:.0%} of the episodes begin with a trained network"
    if count and (folder / "best" / "design.json").is_file():
        design = load_design(folder / "best")
        best = archive.find(design.record)
        if best is None:
            raise InputError(f"{archive.path} is damaged: the best design is not in it")
        steps = [{**vars(each), "applied": True} for each in archive.episode(best)]
        sections += of_network(design.network, design.record, steps)
        if any(step["spent"] for step in steps):
            begun = " A network that the episode began with is not among them."
            sections.append(spending(steps, begun))
        sections.append(_tradeoff(archive, best, design.record["objective"]["metric"]))
        sections.append(_comparison(design, data_dir or settings.data_dir))
        facts["best design"] = _worth(design.record, count)
    return plain(f"Run {folder.name}"), facts, notes, sections


def _worth(record: Mapping[str, Any], looks: int) -> str:
    """The metric of the best design of a training, and how it was measured."""
    name = record["objective"]["metric"]
    chosen = shown_value(name, record["val_metric"])
    chosen = f"{shown_metric(name)} {chosen} on validation samples, the best of {looks:,} looks"
    if "test_metric" not in record:
        return f"{chosen} at them: on others it is lower"
    return f"{chosen}; {shown_value(name, record['test_metric'])} on test samples, looked at once"


def _of_design(folder: Path, data_dir: Path | None) -> Page:
    design = load_design(folder)
    record = design.record
    sections = of_network(design.network, record, record.get("history", []))
    if "budget" in record:
        sections.append(spending(record["history"][1:]))
    if "search" in record:
        sections += [
            against_time(record["search"], record["objective"]["metric"]),
            networks(record["search"]),
        ]
    sections += columns(design.preprocessing)
    if "recalls" in record:
        sections.append(by_class(record))
    if "errors" in record:
        sections.append(by_target(record))
    sections.append(_comparison(design, data_dir))
    return plain(f"Design {folder.name}"), _facts(design), [], sections


def _facts(design: SavedDesign) -> dict[str, Any]:
    """The facts at the head of a design's page; a design of a training has no seed of its own."""
    network, preprocessing, record = design
    inference = for_inference(network, preprocessing)
    small, whole = (c_bytes(inference, form).flash for form in ("c-int8", "c"))
    path = record["source"].get("path")
    reference = reference_weights(network.n_inputs, network.n_outputs)
    facts: dict[str, Any] = {
        "data": f"{record['dataset']} ({path})" if path else record["dataset"],
        "classes" if preprocessing.class_names else "predicts": ", ".join(
            preprocessing.output_names
        ),
        "penalty": f"{record['penalty']:g} for every {reference:,} weights",
        "size": f"{network.active_weights:,} weights; as C code {whole:,} bytes, {small:,} with "
        "int8 weights",
    }
    if record.get("linear"):
        facts["chosen"] = LINEAR_WAS_BETTER
    if "looks" in record:
        facts["worth"] = _worth(record, record["looks"])
    if "budget" in record:
        facts |= spending_facts(record["budget"])
    if "search" in record:
        facts |= search_facts(record["search"])
    if "seed" in record:
        facts["seed"] = record["seed"]
    if "policy" in record:
        facts["policy"] = f"{record['policy']['name']} ({record['policy']['sha256'][:12]})"
    made = f"rlnas {record['versions']['rlnas']}"
    if "created" in record:
        made = f"{datetime.fromisoformat(record['created']):%Y-%m-%d %H:%M} UTC, {made}"
    return {**facts, "made": made}


def _tradeoff(archive: DesignDatabase, best: DesignRecord, metric: str) -> Section:
    drawn, axes = plots.figure(9, 5)
    count, _ = archive.extent(best.dataset)
    front = archive.front(dataset=best.dataset)
    weights, accuracies = np.array(archive.sample(dataset=best.dataset)).T
    plots.draw_position(weights, accuracies, best.active_weights, best.val_metric, axes)
    axes.set_ylabel(f"validation {shown_metric(metric)}")
    steps = [design.active_weights for design in front], [design.val_metric for design in front]
    axes.step(*steps, where="post", color="black", label="Pareto front")
    axes.legend(loc="lower right")
    text = f"{count:,} designs for {best.dataset}, {len(front)} of them on the Pareto front."
    if weights.size < count:
        text += f" {weights.size:,} of them are drawn."
    name = shown_metric(metric)
    return Section(f"{name[:1].upper()}{name[1:]} against weights", text, png(drawn))


def _comparison(design: SavedDesign, data_dir: Path | None) -> Section:
    """A table of the design and its rivals, measured on the same samples."""
    title = "Against rivals"
    network, _, record = design
    try:
        data = original_data(design, data_dir)
    except InputError as error:
        return Section(title, f"Not compared: {error}")
    tested = "test_metric" in record
    rows = data.test if tested else data.validation
    own = record if tested else evaluation_metrics(network, data, rows)
    shown = [(f"{network.active_weights:,} weights", "this design", measured(own, data.task))]
    shown += [(each.size, each.name, each.measures) for each in rivals(network, record, data)]
    cells = [
        (name, size, *(shown_value(key, value) for key, value in found.items()))
        for size, name, found in shown
    ]
    judged = "test" if tested else "validation"
    first, second = MEASURES[data.task]
    return Section(
        title,
        "What else fits the same training samples: a dense network of about as many weights, with "
        "as many training batches, and scikit-learn's methods as they come.",
        columns=("", "size", f"{judged} {first}", second),
        rows=[{"kind": "", "cells": row} for row in cells],
    )

"""The report of a run or a design: one self-contained HTML page."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import isqrt
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from rlnas import network_views, plots
from rlnas.agents.config import BUDGET_REWARDS
from rlnas.agents.designing.evaluation import evaluation_metrics, original_data, worthless_warning
from rlnas.agents.designing.finish import LINEAR_WAS_BETTER
from rlnas.agents.designing.learning_curves import learning_curves
from rlnas.agents.designing.rivals import MEASURES, measured, rivals
from rlnas.agents.designing.search.facts import draw_curve, rising, search_facts
from rlnas.agents.designing.spending import draw_spending, spending_facts
from rlnas.agents.policies.episode import rank_of
from rlnas.agents.policies.run_config import read_train_config
from rlnas.columns.description import summaries
from rlnas.data.preprocessing import Preprocessing, is_image
from rlnas.designs.database import FILE, DesignDatabase, DesignRecord
from rlnas.designs.record import SearchRecord
from rlnas.designs.saved import SavedDesign, load_design
from rlnas.errors import InputError
from rlnas.export.c.sizes import c_bytes
from rlnas.export.inference import for_inference
from rlnas.files.atomic import replace_file
from rlnas.files.plain_text import plain
from rlnas.nn.architecture import in_words
from rlnas.nn.network import SparseNetwork
from rlnas.objective import shown_metric, shown_value
from rlnas.scoring import reference_weights

TEMPLATE = Path(__file__).with_name("report.html.jinja")


@dataclass(frozen=True)
class Section:
    """A part of the page: text, an optional picture (PNG as base64) and an optional table."""

    title: str
    text: str
    picture: str = ""
    columns: tuple[str, ...] = ()
    rows: list[dict[str, Any]] = field(default_factory=list)


def write_report(
    folder: str | Path, out: str | Path | None = None, *, data_dir: Path | None = None
) -> Path:
    """Write one HTML page about a run or a design.

    Args:
        folder: Run folder of a training, which may still be in progress, or folder of a design.
        out: File to write; by default `report.html` in that folder.
        data_dir: Folder with IDX files, searched first.

    Returns:
        The file.

    Raises:
        InputError: The folder is neither a run nor a design, or a file in it is damaged.
    """
    folder = Path(folder)
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
    path = folder / "report.html" if out is None else Path(out)
    replace_file(path, text.encode())
    return path


Page = tuple[str, dict[str, Any], list[str], list[Section]]
"""Title, facts, notes and sections."""


def _content(folder: Path, data_dir: Path | None) -> Page:
    if (folder / "config.json").is_file():
        return _of_run(folder, data_dir)
    if (folder / "design.json").is_file():
        return _of_design(folder, data_dir)
    raise InputError(
        f"{folder} is neither a run nor a design: expected a folder made by `rlnas train` or "
        "`rlnas design`"
    )


def _of_run(folder: Path, data_dir: Path | None) -> Page:
    settings, notes, sections = read_train_config(folder), [], []
    if not (folder / "policy.safetensors").is_file():
        notes.append("This run is still in progress, or was cut short: what there is so far.")
    with_budget = settings.budget is not None
    for title, text, drawn in learning_curves(folder / "progress.csv", with_budget):
        sections.append(Section(title, text, _png(drawn)))
    archive = DesignDatabase(folder / FILE)
    count, last = archive.extent() if archive.exists() else (0, 0)
    facts: dict[str, Any] = {
        "data": ", ".join(settings.dataset),
        "algorithm": settings.algorithm,
        "steps": f"{last:,} of {settings.total_timesteps:,}",
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
        episode = archive.episode(best)
        steps = [{**vars(each), "applied": True} for each in episode]
        sections += _design_sections(design.network, design.record, steps)
        if any(step["spent"] for step in steps):
            begun = " A network that the episode began with is not among them."
            sections.append(_spending(steps, begun))
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
    sections = _design_sections(design.network, record, record.get("history", []))
    if "budget" in record:
        sections.append(_spending(record["history"][1:]))
    if "search" in record:
        sections += [
            _anytime(record["search"], record["objective"]["metric"]),
            _networks(record["search"]),
        ]
    sections += _columns(design.preprocessing)
    if "recalls" in record:
        sections.append(_classes(record))
    if "errors" in record:
        sections.append(_targets(record))
    sections.append(_comparison(design, data_dir))
    return plain(f"Design {folder.name}"), _facts(design), [], sections


def _columns(rules: Preprocessing) -> list[Section]:
    """What was understood of the columns of a table; nothing for other data."""
    if rules.encoding is None:
        return []
    described = summaries(rules.encoding, rules.low, rules.high)
    rows = [
        (plain(each.name), each.kind, plain(each.values), f"{each.missing:.1%}", plain(each.use))
        for each in described
    ]
    return [
        Section(
            "Columns",
            "What the columns of the table hold, and what was made of them. Ranges and shares are "
            "those of the training rows, to which all rules were fitted.",
            columns=("column", "kind", "values", "missing", "use"),
            rows=[{"kind": "", "cells": row} for row in rows],
        )
    ]


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


def _design_sections(
    network: SparseNetwork, record: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]
) -> list[Section]:
    drawn, axes = plots.figure(9, 6)
    network_views.draw_network(network, axes)
    metric = record["objective"]["metric"]
    names = ("val_metric", "test_metric")
    values = [
        f"{shown_value(metric, record[n])} ({n[:4].rstrip('_')})" for n in names if n in record
    ]
    text = (
        f"{'-'.join(map(str, network.layer_sizes))}, {network.active_weights:,} active weights, "
        f"{shown_metric(metric)} {', '.join(values)}. Red weights are positive, blue ones negative."
    )
    sections = [Section("The design", text, _png(drawn))]
    if is_image(network.n_inputs):
        sections.append(_pixels(network, isqrt(network.n_inputs)))
    if steps:
        sections.append(_history(steps, metric))
    return sections


def _pixels(network: SparseNetwork, side: int) -> Section:
    drawn, (counts, sums) = plots.figure(10, 4.5, columns=2)
    connections = network.fan_out[: network.n_inputs]
    network_views.draw_pixels(connections, side, counts, "connections from each pixel")
    network_views.draw_pixels(
        network_views.input_strength(network), side, sums, "summed size of their weights"
    )
    used = np.count_nonzero(connections)
    return Section("Pixels", f"{used} of {network.n_inputs} pixels are used.", _png(drawn))


def _history(steps: Sequence[Mapping[str, Any]], metric: str) -> Section:
    drawn, axes = plots.figure(9, 4)
    shown = f"validation {shown_metric(metric)}"
    axes.plot([step["val_metric"] for step in steps], "o-", color="tab:blue", ms=4)
    axes.set_xlabel("edit")
    axes.set_ylabel(shown, color="tab:blue")
    other = axes.twinx()
    other.plot([step["active_weights"] for step in steps], "s--", color="tab:red", ms=3)
    other.set_yscale("log")
    other.set_ylabel("active weights", color="tab:red")
    axes.grid(alpha=0.3)
    # `max` returns the first of several equal ones.
    best = max(range(len(steps)), key=lambda number: rank_of(steps[number]))
    costs = ("cost", "batches") if any(step.get("spent") for step in steps) else ()
    rows = [
        {
            "kind": "best" if number == best else "" if step["applied"] else "refused",
            "cells": (
                number,
                step["action"] + ("" if step["applied"] else " (refused)"),
                shown_value(metric, step["val_metric"]),
                f"{step['active_weights']:,}",
                f"{step['score']:.4f}",
                in_words(step["layer_sizes"], step["active_weights"]),
                *(f"{step[name]:,}" for name in costs),
            ),
        }
        for number, step in enumerate(steps)
    ]
    return Section(
        "Edit by edit",
        "What was done in the episode, and the network after the training that followed. The best "
        "score is in bold.",
        _png(drawn),
        ("", "edit", shown, "active weights", "score", "layers", *costs),
        rows,
    )


def _spending(steps: Sequence[Mapping[str, Any]], more: str = "") -> Section:
    drawn, axes = plots.figure(9, 4)
    draw_spending(steps, axes)
    return Section(
        "Score against cost",
        "The steps of the episode, which had a budget of training cost, counted in multiply-adds."
        f"{more} For the anytime score, an improvement counts by the share of the logarithm of the "
        "cost that is left.",
        _png(drawn),
    )


def _anytime(record: SearchRecord, metric: str) -> Section:
    """The best design so far against seconds."""
    drawn, axes = plots.figure(9, 4)
    draw_curve(record, axes)
    points, values, name = rising(record)
    rows = [
        {
            "kind": "",
            "cells": (
                f"{point['seconds']:.1f}",
                f"{point['trials']:,}",
                shown_value(metric, point["val_metric"]),
                f"{point['active_weights']:,}",
                *([f"{value:.4f}"] if name == "merit" else []),
            ),
        }
        for point, value in zip(points, values, strict=True)
    ]
    more = (
        f" Merit is {shown_metric(metric)} less the loss and the price of the weights."
        if name == "merit"
        else ""
    )
    heads = ("seconds", "trials", f"validation {shown_metric(metric)}", "active weights")
    return Section(
        f"{name.capitalize()} against time",
        "The best design so far, whenever the search found a better one, judged on "
        f"{record['judged']:,} samples that its networks had not learned from.{more}",
        _png(drawn),
        heads if name == "active weights" else (*heads, name),
        rows,
    )


def _networks(record: SearchRecord) -> Section:
    """The networks that make the design."""
    rows = [
        {
            "kind": "",
            "cells": (
                each["trial"],
                each["start"],
                f"{each['price']:.3g}",
                in_words(each["layer_sizes"], each["active_weights"]),
                f"{each['active_weights']:,}",
            ),
        }
        for each in record["networks"]
    ]
    return Section(
        "Networks side by side",
        "The design is one network that answers the mean of these.",
        columns=("trial", "start", "price", "layers", "active weights"),
        rows=rows,
    )


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
    return Section(f"{name[:1].upper()}{name[1:]} against weights", text, _png(drawn))


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


def _classes(record: Mapping[str, Any]) -> Section:
    """A table of the recall of each class."""
    text = f"Balanced accuracy, the mean over classes, is {record['balanced_accuracy']:.2%}."
    if "calibration_error" in record:
        text += (
            " Where the network is sure of its answer by so many percent, it should be right as "
            f"often; on average it is off by {record['calibration_error']:.1%} (expected "
            "calibration error)."
        )
    if "temperature" in record:
        text += (
            f" Its logits were divided by {record['temperature']:.2f}, for validation samples "
            "showed that it was too sure."
        )
    if (warning := worthless_warning(record)) is not None:
        text = f"This design is {warning}. {text}"
    return Section(
        "Class by class",
        text,
        columns=("class", "recall on test samples"),
        rows=[
            {"kind": "", "cells": (name, "no sample" if share is None else f"{share:.2%}")}
            for name, share in record["recalls"].items()
        ],
    )


def _targets(record: Mapping[str, Any]) -> Section:
    """A table of the errors of each target."""
    text = "Errors on the test samples, in the units of the data."
    if (warning := worthless_warning(record)) is not None:
        text = f"This design is {warning}. {text}"
    return Section(
        "Target by target",
        text,
        columns=("target", "R²", "root mean squared error", "mean absolute error"),
        rows=[
            {
                "kind": "",
                "cells": (plain(name), *(f"{each[key]:.4g}" for key in ("r2", "rmse", "mae"))),
            }
            for name, each in record["errors"].items()
        ],
    )


def _png(drawn: Any) -> str:
    return base64.b64encode(plots.png(drawn)).decode()

"""The sections of a report: what is told and drawn of a design."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isqrt
from typing import Any

import numpy as np

from rlnas import network_views, plots
from rlnas.agents.designing.evaluation import worthless_warning
from rlnas.agents.designing.spending import draw_spending
from rlnas.agents.policies.episode import rank_of
from rlnas.columns.description import summaries
from rlnas.data.preprocessing import Preprocessing, is_image
from rlnas.files.plain_text import plain
from rlnas.nn.architecture import in_words
from rlnas.nn.network import SparseNetwork
from rlnas.objective import by_weights, shown_metric, shown_value


@dataclass(frozen=True)
class Section:
    """A part of the page: text; if there are any a picture (PNG), a film (GIF), and a table.

    Pictures and films are in base64.
    """

    title: str
    text: str
    picture: str = ""
    columns: tuple[str, ...] = ()
    rows: list[dict[str, Any]] = field(default_factory=list)
    film: str = ""


def columns(rules: Preprocessing) -> list[Section]:
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


def of_network(
    network: SparseNetwork, record: Mapping[str, Any], steps: Sequence[Mapping[str, Any]]
) -> list[Section]:
    """A picture of a network, the pixels that it reads, and the steps that made it if known."""
    drawn, axes = plots.figure(9, 6)
    network_views.draw_network(network, axes)
    metric = record["objective"]["metric"]
    names = ("val_metric", "test_metric")
    values = [
        f"{shown_value(metric, record[n])} ({n[:4].rstrip('_')})" for n in names if n in record
    ]
    weighted, _ = by_weights(record)
    text = (
        f"{'-'.join(map(str, network.layer_sizes))}, {network.active_weights:,} active weights, "
        f"{shown_metric(metric)}{weighted} {', '.join(values)}. Red weights are positive, blue "
        "ones negative."
    )
    sections = [Section("The design", text, png(drawn))]
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
    return Section("Pixels", f"{used} of {network.n_inputs} pixels are used.", png(drawn))


def _history(steps: Sequence[Mapping[str, Any]], metric: str) -> Section:
    drawn, axes = plots.figure(9, 4)
    shown = f"validation {shown_metric(metric)}"
    axes.plot([step["val_metric"] for step in steps], "o-", color="tab:blue", ms=4)
    axes.set_xlabel("edit")
    axes.set_ylabel(shown, color="tab:blue")
    other = axes.twinx()
    other.plot([step["active_weights"] for step in steps], "s--", color="tab:red", ms=3)
    plots.log_axis(other, "y", np.array([step["active_weights"] for step in steps]))
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
        png(drawn),
        ("", "edit", shown, "active weights", "score", "layers", *costs),
        rows,
    )


def spending(steps: Sequence[Mapping[str, Any]], more: str = "") -> Section:
    """The scores of an episode against what was spent, with one more sentence if given."""
    drawn, axes = plots.figure(9, 4)
    draw_spending(steps, axes)
    return Section(
        "Score against cost",
        "The steps of the episode, which had a budget of training cost, counted in multiply-adds."
        f"{more} For the anytime score, an improvement counts by the share of the logarithm of the "
        "cost that is left.",
        png(drawn),
    )


def by_class(record: Mapping[str, Any]) -> Section:
    """A table of the recall of each class."""
    _, plainly = by_weights(record)
    mean = f"{record['balanced_accuracy']:.2%}"
    text = f"Balanced accuracy, the mean over classes{plainly}, is {mean}."
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


def by_target(record: Mapping[str, Any]) -> Section:
    """A table of the errors of each target."""
    _, plainly = by_weights(record)
    text = f"Errors on the test samples{plainly}, in the units of the data."
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


def png(drawn: Any) -> str:
    """A figure as a PNG in base64."""
    return base64.b64encode(plots.png(drawn)).decode()

"""The sections of a report about a search: the best design against time, and its networks."""

from rlnas import plots
from rlnas.agents.designing.search.facts import draw_curve, rising
from rlnas.agents.reports.sections import Section, png
from rlnas.designs.record import SearchRecord
from rlnas.nn.architecture import in_words
from rlnas.objective import shown_metric, shown_value


def against_time(record: SearchRecord, metric: str) -> Section:
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
        png(drawn),
        heads if name == "active weights" else (*heads, name),
        rows,
    )


def networks(record: SearchRecord) -> Section:
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

"""What a search within limits has found: facts in words and a picture, from its record."""

from typing import TYPE_CHECKING

from rlnas.designs.record import PointRecord, SearchRecord

if TYPE_CHECKING:  # drawing alone needs it, and designing does without
    from matplotlib.axes import Axes


def search_facts(record: SearchRecord) -> dict[str, str]:
    """The facts of a search in words, by name."""
    trials = f"{record['trials']}, judged on {record['judged']:,} samples"
    if "seconds" in record:
        trials += f", in {record['seconds']:g} s"
    if record["interrupted"]:
        trials += ", interrupted"
    facts = {"trials": trials, "networks side by side": _networks(record)}
    if record["limits"]:
        facts["limits"] = limits_in_words(record)
    return facts


def limits_in_words(record: SearchRecord) -> str:
    """The limits of a search as they were typed."""
    limits = [f"--{name.replace('_', '-')} {value:g}" for name, value in record["limits"].items()]
    if {"max_bytes", "max_ram"} & record["limits"].keys():
        limits.append(f"--format {record['format']}")
    return " ".join(limits)


def how_to_repeat(record: SearchRecord) -> str:
    """A sentence about repeating a search."""
    count = record["trials"]
    trials = f"{count} trial{'s' if count > 1 else ''}"
    if record["interrupted"]:
        return f"interrupted after {trials}: the best so far; --trials {count} repeats it"
    if "seconds" in record:
        return f"there was time for {trials}: --trials {count} gives the same design anywhere"
    return f"{trials}: more of them (--trials), or more --time, may give a better design"


def rising(record: SearchRecord) -> tuple[list[PointRecord], list[float], str]:
    """What never became worse while a search went on.

    It is the merit of the best design so far; or with a least accuracy, its number of weights once
    that was reached.

    Returns:
        The points of the curve that this is about, the value of each, and what it is called.
    """
    least = record["limits"].get("min_accuracy")
    if least is None:
        points = record["curve"]
        return points, [point["merit"] for point in points], "merit"
    points = [point for point in record["curve"] if point["val_metric"] >= least]
    return points, [point["active_weights"] for point in points], "active weights"


def draw_curve(record: SearchRecord, axes: "Axes") -> None:
    """Draw the best design so far against seconds, on a logarithmic axis.

    Args:
        record: The search.
        axes: Where to draw.
    """
    points, values, name = rising(record)
    times = [point["seconds"] for point in points]
    end = max(times[-1], record.get("seconds", 0.0))
    axes.step([*times, end], [*values, values[-1]], where="post", color="black")
    axes.plot(times, values, "o", ms=4, color="tab:blue")
    axes.set_xscale("log")
    axes.set_xlabel("seconds")
    axes.set_ylabel(f"{name} of the best design so far")
    axes.grid(alpha=0.3)


def _networks(record: SearchRecord) -> str:
    """The networks of a design, each with its weights."""
    weights = [f"{each['active_weights']:,}" for each in record["networks"]]
    return f"{len(weights)}, of {' + '.join(weights)} weights"

"""Plots without a display: figures, scatter plots of designs, intervals, labels of points."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, cast, overload

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:  # matplotlib is slow to import, and only plotting needs it
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

SPAN = 0.002
"""Smallest range of an axis of scores, so that a tie looks like one."""


@overload
def figure(width: float = ..., height: float = ...) -> "tuple[Figure, Axes]": ...


@overload
def figure(width: float, height: float, columns: int) -> "tuple[Figure, list[Axes]]": ...


def figure(width: float = 6.4, height: float = 4.8, columns: int | None = None) -> Any:
    """Make a matplotlib `Figure` that is drawn in memory.

    Args:
        width: Width in inches of 100 pixels.
        height: Height in inches.
        columns: Number of `Axes` side by side; by default there is one, which is not in a list.

    Returns:
        The figure and its `Axes`, or a list of them.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    new = Figure(figsize=(width, height), dpi=100, layout="constrained")
    FigureCanvasAgg(new)
    if columns is None:
        return new, new.add_subplot()
    return new, list(new.subplots(1, columns, squeeze=False)[0])


def card() -> "tuple[Figure, Axes]":
    """Make a figure of 640 by 480 pixels that can be read at half its size, with its `Axes`."""
    drawn, axes = figure(4, 3)
    drawn.set_dpi(160)
    return drawn, axes


def png(drawn: "Figure") -> bytes:
    """The figure as a PNG file, the same bytes every time."""
    stream = io.BytesIO()
    drawn.savefig(stream, format="png", metadata={"Software": None})
    return stream.getvalue()


def pixels(drawn: "Figure") -> np.ndarray:
    """The pixels of a figure made by `figure`, uint8 `[height, width, 3]`."""
    canvas: Any = drawn.canvas
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3].copy()


def draw_tradeoff(
    weights: Sequence[float],
    accuracies: Sequence[float],
    axes: "Axes",
    best: tuple[float, float] | None = None,
) -> None:
    """Draw validation accuracy against active weights (log scale), coloured by order.

    Args:
        weights: Active weights of each design.
        accuracies: Validation accuracy of each design.
        axes: The `Axes` to draw in.
        best: Weights and accuracy of a design to mark.
    """
    order = np.arange(len(weights))
    points = axes.scatter(weights, accuracies, c=order, s=8, cmap="viridis", alpha=0.6)
    axes.figure.colorbar(points, ax=axes, label="design, in the order seen")
    if best is not None:
        axes.scatter(
            *best,
            s=90,
            facecolors="none",
            edgecolors="crimson",
            linewidths=1.5,
            label="best score",
        )
        axes.legend(loc="lower right")
    _label_tradeoff(axes, weights)


def draw_position(
    weights: np.ndarray, accuracies: np.ndarray, weight: float, accuracy: float, axes: "Axes"
) -> None:
    """Draw where one design lies among many: accuracy against active weights (log scale).

    Args:
        weights: Active weights of all designs, float `[designs]`.
        accuracies: Validation accuracies of all designs, float `[designs]`.
        weight: Active weights of the one design.
        accuracy: Validation accuracy of the one design.
        axes: The `Axes` to draw in.
    """
    axes.scatter(weights, accuracies, s=2, color="0.75", linewidths=0, label="all designs")
    axes.scatter([weight], [accuracy], s=60, color="crimson", zorder=3, label="this design")
    axes.legend(loc="lower right")
    _label_tradeoff(axes, weights)


def _label_tradeoff(axes: "Axes", weights: ArrayLike) -> None:
    log_axis(axes, "x", np.asarray(weights, float))
    axes.set_xlabel("active weights")
    axes.set_ylabel("validation accuracy")
    axes.grid(alpha=0.3)


def log_axis(axes: "Axes", name: Literal["x", "y"], values: np.ndarray) -> None:
    """Make an axis logarithmic, with room for values and a few ticks in plain numbers.

    Args:
        axes: The `Axes`.
        name: Name of the axis.
        values: What is drawn; those that have a logarithm count.
    """
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    drawn = values[values > 0]
    low, high = (drawn.min(), drawn.max()) if drawn.size else (1, 1)
    axes.set(**{f"{name}scale": "log", f"{name}lim": (low / 1.5, high * 1.5)})
    axis: Any = getattr(axes, f"{name}axis")
    axis.set_major_locator(LogLocator(subs=(1,) if high > 30 * low else (1, 2, 5)))
    axis.set_major_formatter(StrMethodFormatter("{x:,.9g}"))
    axis.set_minor_formatter(NullFormatter())


def whiskers(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Lengths of error bars below and above values, float `[2, n]`, none negative.

    Args:
        values: The values, float `[n]`.
        low: Lower ends of the intervals, float `[n]`.
        high: Upper ends, float `[n]`; a percentile interval need not contain its value.
    """
    lengths: np.ndarray = np.maximum([values - low, high - values], 0)
    return lengths


def draw_interval(
    interval: tuple[float, float, float], place: float, axes: "Axes", **style: Any
) -> None:
    """Draw a value as a dot, with its interval as whiskers along the x axis.

    Args:
        interval: The value, and the ends of its interval, which need not contain it.
        place: Position on the y axis.
        axes: The `Axes` to draw in.
        **style: Options of `Axes.errorbar`.
    """
    value, low, high = np.array([interval]).T
    axes.errorbar(value, place, xerr=whiskers(value, low, high), fmt="o", capsize=3, **style)


def score_axis(axes: "Axes", intervals: int = 3) -> None:
    """Give an x axis of scores a few short tick labels and a range of at least `SPAN`.

    Call it when everything is drawn.

    Args:
        axes: The `Axes` to change.
        intervals: Largest number of intervals between ticks.
    """
    low, high = axes.get_xlim()
    missing = max(0.0, SPAN - (high - low)) / 2
    axes.set_xlim(low - missing, high + missing)
    axes.locator_params(axis="x", nbins=intervals)


def label_points(points: np.ndarray, names: Sequence[str], axes: Any) -> "list[Text]":
    """Write names near points, over no other name, point or curve as far as there is room.

    Call it last: it fixes the limits of the axes.

    Args:
        points: x and y of each point, float `[n, 2]`.
        names: Names of the points.
        axes: The `Axes` to write in, which have a legend.

    Returns:
        The `Text` of each name, none of which is outside the axes.
    """
    from textalloc import allocate

    axes.set(xlim=axes.get_xlim(), ylim=axes.get_ylim())  # lines to the names do not widen them
    axes.figure.draw_without_rendering()  # which puts the legend where it will be
    legend = axes.get_legend().get_window_extent().transformed(axes.transData.inverted())
    taken = [legend.corners()[[0, 1, 3, 2, 0]]]
    taken += [line.get_xydata() for line in axes.get_lines() if line.get_linestyle() != "None"]
    taken += [bar for bars in axes.collections for bar in bars.get_segments()]
    x, y = points.T
    *_, texts, _ = allocate(
        axes,
        x,
        y,
        list(names),
        x_scatter=x,
        y_scatter=y,
        x_lines=[curve[:, 0] for curve in taken],
        y_lines=[curve[:, 1] for curve in taken],
        textsize=7,
        margin=0.004,
        min_distance=0.01,
        max_distance=0.4,
        nbr_candidates=500,
        linecolor="0.5",
        linewidth=0.5,
        avoid_label_lines_overlap=True,
        avoid_crossing_label_lines=True,
    )
    return cast("list[Text]", texts)

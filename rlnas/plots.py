"""Pictures of designs: a network, accuracy against weights; and a design as a text table."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rlnas.nn.network import EMA, SparseNetwork

MOST_LINES = 4000
"""Connections drawn at the most, the largest weights first."""

SPAN = 0.002
"""Of an axis of scores, at least, so that a tie looks like one."""
MOST_UNUSED = 4000
"""Units without a connection drawn at the most, evenly spread."""


def describe(network: SparseNetwork, facts: Mapping[str, Any] | None = None) -> str:
    """A text table of a network's layers, and the facts given, one line each."""
    counts = network.block_counts.sum(axis=1)
    names = ["input", *(f"hidden {k + 1}" for k in range(network.depth)), "output"]
    lines = [f"{'layer':<10}{'units':>7}{'weights':>9}{'density':>9}"]
    densities = (None, *network.layer_densities)
    for name, size, count, density in zip(
        names, network.layer_sizes, counts, densities, strict=True
    ):
        shown = "" if density is None else f"{density:.1%}"
        lines.append(f"{name:<10}{size:>7}{count if density is not None else '':>9}{shown:>9}")
    total = f"{network.density:.1%}"
    lines.append(f"{'all':<10}{network.n_units:>7}{network.active_weights:>9}{total:>9}")
    for key in ("score", "val_accuracy", "val_loss", "action"):
        if facts and key in facts:
            value = facts[key]
            lines.append(
                f"{key:<14}{value:.4f}" if isinstance(value, float) else f"{key:<14}{value}"
            )
    return "\n".join(lines)


def draw_network(network: SparseNetwork, axes: Any) -> None:
    """Draw units as dots in a column per layer and connections as lines, blue < 0 < red.

    Args:
        network: the network, at its averaged weights.
        axes: a matplotlib `Axes`.
    """
    from matplotlib.collections import LineCollection

    depth = network.unit_layers
    sizes = np.array(network.layer_sizes)
    place = np.arange(network.n_units) - network.starts[depth]
    x = depth.astype(float)
    y = -(place + 0.5) / sizes[depth]
    weights = network.connections[EMA]
    strength = np.abs(weights)
    shown = np.argsort(-strength, kind="stable")[:MOST_LINES][::-1]
    ends = np.stack([network.indices[shown], network.targets[shown]], axis=1)
    segments = np.stack([x[ends], y[ends]], axis=2)
    share = strength[shown] / max(float(np.quantile(strength, 0.98)), 1e-12)
    colours = np.where(weights[shown, None] > 0, [[0.75, 0.15, 0.1]], [[0.1, 0.3, 0.7]])
    alpha = np.clip(share, 0.04, 1)[:, None] * 0.7
    axes.add_collection(
        LineCollection(list(segments), colors=np.hstack([colours, alpha]), linewidths=0.6)
    )
    used = (network.fan_in + network.fan_out) > 0
    axes.scatter(x[used], y[used], s=6, color="0.15", zorder=3)
    unused = np.flatnonzero(~used)
    unused = unused[:: max(1, -(-unused.size // MOST_UNUSED))]
    axes.scatter(x[unused], y[unused], s=2, color="0.8", zorder=2)
    axes.set_xlim(-0.2, len(sizes) - 0.8)
    axes.set_ylim(-1.02, 0.02)
    axes.set_yticks([])
    names = ["input", *(f"hidden {k + 1}" for k in range(network.depth)), "output"]
    labels = [f"{name}\n{size}" for name, size in zip(names, sizes, strict=True)]
    axes.set_xticks(range(len(sizes)), labels)
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.set_title(f"{network.active_weights:,} active weights, density {network.density:.1%}")


def draw_tradeoff(
    weights: Sequence[float],
    accuracies: Sequence[float],
    axes: Any,
    best: tuple[float, float] | None = None,
) -> None:
    """Validation accuracy against active weights (log scale) of many designs.

    Args:
        weights: active weights of each design.
        accuracies: validation accuracy of each design.
        axes: a matplotlib `Axes`.
        best: weights and accuracy of a design to mark.
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
    axes.set_xscale("log")
    axes.set_xlabel("active weights")
    axes.set_ylabel("validation accuracy")
    axes.grid(alpha=0.3)


def input_strength(network: SparseNetwork) -> np.ndarray:
    """float64 `[n_inputs]`: summed size of the averaged weights from each input."""
    from_input = network.indices < network.n_inputs
    return np.bincount(
        network.indices[from_input],
        np.abs(network.connections[EMA, from_input]),
        minlength=network.n_inputs,
    )


def draw_pixels(values: np.ndarray, side: int, axes: Any, title: str) -> None:
    """Draw a number for each input as an image with a colour bar.

    Args:
        values: float `[side * side]`.
        side: pixels.
        axes: a matplotlib `Axes`.
        title: above it.
    """
    image = axes.imshow(np.reshape(values, (side, side)), cmap="magma")
    axes.set_title(title)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.figure.colorbar(image, ax=axes)


def figure(width: float = 6.4, height: float = 4.8, columns: int | None = None) -> tuple[Any, Any]:
    """A matplotlib `Figure` that is drawn in memory, without a display, and its `Axes`.

    Args:
        width: inches, of 100 pixels.
        height: inches.
        columns: how many `Axes` side by side, in a list; by default one, on its own.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    new = Figure(figsize=(width, height), dpi=100, layout="constrained")
    FigureCanvasAgg(new)
    if columns is None:
        return new, new.add_subplot()
    return new, list(new.subplots(1, columns, squeeze=False)[0])


def network_picture(network: SparseNetwork) -> np.ndarray:
    """uint8 `[480, 640, 3]`: the picture of `draw_network`."""
    drawn, axes = figure()
    draw_network(network, axes)
    return pixels(drawn)


def png(drawn: Any) -> bytes:
    """A figure made by `figure` as a PNG file."""
    stream = io.BytesIO()
    drawn.savefig(stream, format="png", metadata={"Software": None})  # the same bytes every time
    return stream.getvalue()


def pixels(drawn: Any) -> np.ndarray:
    """uint8 `[height, width, 3]` of a figure made by `figure`."""
    drawn.canvas.draw()
    return np.asarray(drawn.canvas.buffer_rgba())[..., :3].copy()


def draw_position(
    weights: np.ndarray, accuracies: np.ndarray, weight: float, accuracy: float, axes: Any
) -> None:
    """Where one design lies among many: accuracy against active weights (log scale).

    Args:
        weights: float `[n]`, of all designs.
        accuracies: float `[n]`.
        weight: of the one.
        accuracy: of the one.
        axes: a matplotlib `Axes`.
    """
    axes.scatter(weights, accuracies, s=2, color="0.75", linewidths=0, label="all designs")
    axes.scatter([weight], [accuracy], s=60, color="crimson", zorder=3, label="this design")
    axes.set_xscale("log")
    axes.set_xlabel("active weights")
    axes.set_ylabel("validation accuracy")
    axes.legend(loc="lower right")
    axes.grid(alpha=0.3)


def whiskers(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Float `[2, n]`: how far intervals go down and up; they need not hold their values."""
    return np.maximum([values - low, high - values], 0)


def draw_interval(
    interval: tuple[float, float, float], place: float, axes: Any, **style: Any
) -> None:
    """A value with the interval around it, as a dot with whiskers along the x axis.

    Args:
        interval: the value, and the ends; they need not hold it, as a percentile interval need not.
        place: on the y axis.
        axes: a matplotlib `Axes`.
        style: of its `errorbar`.
    """
    value, low, high = np.array([interval]).T
    axes.errorbar(value, place, xerr=whiskers(value, low, high), fmt="o", capsize=3, **style)


def score_axis(axes: Any, intervals: int = 3) -> None:
    """Give an x axis of scores, when all is drawn, a few short tick labels and at least `SPAN`.

    Args:
        axes: a matplotlib `Axes`.
        intervals: between ticks, at the most.
    """
    low, high = axes.get_xlim()
    missing = max(0.0, SPAN - (high - low)) / 2
    axes.set_xlim(low - missing, high + missing)
    axes.locator_params(axis="x", nbins=intervals)


def name_points(points: np.ndarray, names: Sequence[str], axes: Any) -> list[Any]:
    """Write names near points, over no other name, point or curve as far as there is room.

    Call it last: it fixes the limits of the axes.

    Args:
        points: float `[n, 2]`, x and y.
        names: of the points.
        axes: a matplotlib `Axes` with a legend.

    Returns:
        The matplotlib `Text` of each name, none of which is outside the axes.
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
    return texts

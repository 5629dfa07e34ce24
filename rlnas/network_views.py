"""Views of a network: a drawing of its units and connections, an image, a text table."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rlnas.nn.architecture import CONSTANT
from rlnas.nn.network import EMA, SparseNetwork
from rlnas.plots import figure, pixels

if TYPE_CHECKING:  # matplotlib is slow to import, and only plotting needs it
    from matplotlib.axes import Axes

MOST_LINES = 4000
"""Largest number of connections drawn, those with the largest weights."""

MOST_UNUSED = 4000
"""Largest number of units without a connection drawn, evenly spread."""


def describe(network: SparseNetwork, facts: Mapping[str, Any] | None = None) -> str:
    """Text table of a network's layers, with some facts about it below.

    Args:
        network: The network.
        facts: Info of the step that made it, whose score, validation results and action are shown.
    """
    layers = _layers(network) if network.active_weights else [f"{CONSTANT}, no connections"]
    shown = (facts or {}).items()
    values = {key: f"{value:.4f}" if isinstance(value, float) else value for key, value in shown}
    names = ("score", "val_metric", "val_accuracy", "val_loss", "action")
    return "\n".join([*layers, *(f"{key:<14}{values[key]}" for key in names if key in values)])


def _layers(network: SparseNetwork) -> list[str]:
    """The lines of `describe` about the layers."""
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
    return lines


def draw_network(network: SparseNetwork, axes: "Axes") -> None:
    """Draw units as dots in a column per layer and connections as lines, blue < 0 < red.

    Args:
        network: The network, whose averaged weights are drawn.
        axes: The `Axes` to draw in.
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
    strong = float(np.quantile(strength, 0.98)) if strength.size else 0.0
    share = strength[shown] / max(strong, 1e-12)
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


def input_strength(network: SparseNetwork) -> np.ndarray:
    """Sum of the absolute averaged weights from each input, float64 `[n_inputs]`."""
    from_input = network.indices < network.n_inputs
    return np.bincount(
        network.indices[from_input],
        np.abs(network.connections[EMA, from_input]),
        minlength=network.n_inputs,
    )


def draw_pixels(values: np.ndarray, side: int, axes: "Axes", title: str) -> None:
    """Draw a number for each input as an image with a colour bar.

    Args:
        values: The numbers row by row, float `[side * side]`.
        side: Height and width of the image in pixels.
        axes: The `Axes` to draw in.
        title: Title of the axes.
    """
    image = axes.imshow(np.reshape(values, (side, side)), cmap="magma")
    axes.set_title(title)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.figure.colorbar(image, ax=axes)


def network_image(network: SparseNetwork) -> np.ndarray:
    """The drawing of `draw_network` as an image, uint8 `[480, 640, 3]`."""
    drawn, axes = figure()
    draw_network(network, axes)
    return pixels(drawn)

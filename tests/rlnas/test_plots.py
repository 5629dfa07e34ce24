"""Pictures and text tables of designs."""

from typing import Any

import numpy as np
import pytest

from rlnas import plots
from rlnas.nn.initialization import random_network
from rlnas.nn.network import EMA, VALUE, SparseNetwork
from tests.rlnas.reference import allowed, network_of, skip_network


def network(sizes: tuple[int, ...] = (6, 5, 4, 3), seed: int = 0) -> SparseNetwork:
    return random_network(sizes, 0.5, np.random.default_rng(seed))


def tradeoff(weights: list[float], accuracies: list[float], best: Any = None) -> np.ndarray:
    drawn, axes = plots.figure()
    plots.draw_tradeoff(weights, accuracies, axes, best=best)
    return plots.pixels(drawn)


def coloured(picture: np.ndarray) -> tuple[int, int]:
    """How many pixels are more red than blue, and the other way round."""
    red, blue = picture[..., 0].astype(int), picture[..., 2].astype(int)
    return int((red > blue + 10).sum()), int((blue > red + 10).sum())


# --- the text table ---


def hand_made() -> SparseNetwork:
    """3 of 3 x 4 connections into the first layer, 3 of 2 x 3, and 3 of 2 x 2 and 2 x 4."""
    mask = np.zeros((7, 11), bool)
    for row, column in [(0, 0), (1, 1), (2, 3), (3, 4), (4, 6), (5, 7), (6, 8), (6, 2)]:
        mask[row, column] = True
    mask[4, 5] = True
    return network_of((4, 3, 2, 2), mask, np.random.default_rng(0))


def test_describe_has_a_line_for_every_layer_with_its_numbers():
    lines = plots.describe(hand_made()).split("\n")
    assert [line.split() for line in lines] == [
        ["layer", "units", "weights", "density"],
        ["input", "4"],
        ["hidden", "1", "3", "3", "25.0%"],
        ["hidden", "2", "2", "3", "50.0%"],
        ["output", "2", "3", "25.0%"],
        ["all", "11", "9", "30.0%"],
    ]


def test_describe_aligns_its_columns():
    lines = plots.describe(network((700, 12, 10))).split("\n")
    ends = [len(line.rstrip()) for line in lines if "%" in line or "density" in line]
    assert len(set(ends)) == 1


def test_describe_adds_the_facts_it_is_given():
    facts = {"score": 0.91234, "val_accuracy": 0.95, "val_loss": 1.5, "action": "none", "x": 1}
    *_, score, accuracy, loss, action = plots.describe(network(), facts).split("\n")
    assert score.split() == ["score", "0.9123"]
    assert accuracy.split() == ["val_accuracy", "0.9500"]
    assert loss.split() == ["val_loss", "1.5000"]
    assert action.split() == ["action", "none"]


@pytest.mark.parametrize("sizes", [(6, 3), (6, 4, 3), (6, 5, 4, 4, 3)])
def test_any_depth_can_be_described_and_drawn(sizes):
    lines = plots.describe(network(sizes)).split("\n")
    assert len(lines) == len(sizes) + 2
    assert plots.network_picture(network(sizes)).std() > 0


# --- pictures ---


def test_of_many_unused_inputs_some_are_drawn_and_all_that_are_used():
    few = network((50, 4, 3))
    wide = SparseNetwork(
        (50 + 10**6, 4, 3),
        few.indptr,
        np.where(few.indices < 50, few.indices, few.indices + 10**6).astype(np.int32),
        few.connections,
        few.units,
    )
    wide.check()
    _, axes = plots.figure()
    plots.draw_network(wide, axes)
    used, unused = (points.get_offsets() for points in axes.collections[1:])
    assert len(used) == np.count_nonzero(wide.fan_in + wide.fan_out)
    assert plots.MOST_UNUSED / 2 <= len(unused) <= plots.MOST_UNUSED
    plots.draw_network(few, axes)
    assert len(axes.collections[-1].get_offsets()) == np.count_nonzero(few.fan_out[:50] == 0)


def test_a_network_picture_has_the_documented_shape_and_is_not_blank():
    picture = plots.network_picture(network())
    assert picture.shape == (480, 640, 3)
    assert picture.dtype == np.uint8
    assert len(np.unique(picture)) > 10
    inside = picture[60:400, 40:600]
    assert (inside != 255).any(axis=2).mean() > 0.01


def test_the_same_network_gives_the_same_picture():
    np.testing.assert_array_equal(
        plots.network_picture(network()), plots.network_picture(network())
    )


@pytest.mark.parametrize(
    "other",
    [network((6, 5, 5, 3)), network((6, 5, 3)), network(seed=1)],
    ids=["wider", "shallower", "other connections"],
)
def test_other_networks_give_other_pictures(other):
    assert (plots.network_picture(other) != plots.network_picture(network())).any()


def test_positive_weights_are_red_and_negative_ones_blue():
    positive = network()
    positive.connections[EMA] = 1
    red, blue = coloured(plots.network_picture(positive))
    assert red > 100
    assert blue == 0
    positive.connections[EMA] = -1
    red, blue = coloured(plots.network_picture(positive))
    assert red == 0
    assert blue > 100


def test_the_averaged_weights_are_drawn():
    changed = network()
    changed.connections[VALUE] *= -3
    np.testing.assert_array_equal(plots.network_picture(changed), plots.network_picture(network()))


def test_skip_connections_and_very_many_connections_can_be_drawn():
    assert plots.network_picture(skip_network((8, 6, 5, 3), np.random.default_rng(0))).std() > 0
    sizes = (100, 60, 3)
    crowded = network_of(sizes, allowed(sizes), np.random.default_rng(0))
    assert crowded.active_weights > plots.MOST_LINES
    drawn, axes = plots.figure()
    plots.draw_network(crowded, axes)
    assert len(axes.collections[0].get_segments()) == plots.MOST_LINES
    assert f"{crowded.active_weights:,}" in axes.get_title()
    assert plots.pixels(drawn).std() > 0


def test_weights_that_are_all_zero_can_be_drawn():
    silent = network()
    silent.connections[:] = 0
    assert plots.network_picture(silent).shape == (480, 640, 3)


def test_drawing_does_not_change_the_network():
    given = network()
    before = given.connections.copy()
    plots.network_picture(given)
    np.testing.assert_array_equal(given.connections, before)


def test_a_trade_off_shows_every_design_and_marks_the_best():
    weights: list[float] = [100, 1000, 5000]
    drawn, axes = plots.figure()
    plots.draw_tradeoff(weights, [0.5, 0.8, 0.9], axes, best=(1000, 0.8))
    points: Any = axes.collections[0].get_offsets()
    np.testing.assert_allclose(points, [[100, 0.5], [1000, 0.8], [5000, 0.9]])
    np.testing.assert_allclose(axes.collections[1].get_offsets(), [[1000, 0.8]])
    assert axes.get_xscale() == "log"
    assert plots.pixels(drawn).shape == (480, 640, 3)


def test_trade_offs_of_other_designs_are_other_pictures():
    first = tradeoff([100, 1000], [0.5, 0.8])
    assert len(np.unique(first)) > 10
    assert (tradeoff([100, 1000], [0.5, 0.7]) != first).any()
    assert (tradeoff([100, 1000], [0.5, 0.8], best=(100, 0.5)) != first).any()


def test_a_trade_off_of_one_design_can_be_drawn():
    assert tradeoff([100], [0.5], best=(100, 0.5)).std() > 0


def test_figures_have_the_size_asked_for_and_need_no_display():
    drawn, _ = plots.figure(3.0, 2.0)
    assert plots.pixels(drawn).shape == (200, 300, 3)
    drawn, _ = plots.figure()
    assert plots.pixels(drawn).shape == (480, 640, 3)


def test_pictures_are_copies():
    drawn, axes = plots.figure()
    first = plots.pixels(drawn)
    kept = first.copy()
    axes.plot([0, 1], [0, 1])
    plots.pixels(drawn)
    np.testing.assert_array_equal(first, kept)


def test_the_strength_of_an_input_is_the_sum_of_its_weights():
    network = skip_network((5, 4, 3), np.random.default_rng(0))
    expected = np.zeros(5)
    for source, weight in zip(network.indices, network.connections[EMA], strict=True):
        if source < 5:
            expected[source] += abs(weight)
    np.testing.assert_allclose(plots.input_strength(network), expected, rtol=1e-6)


def test_pixels_are_drawn_row_by_row():
    drawn, (axes,) = plots.figure(4, 4, columns=1)
    plots.draw_pixels(np.arange(9.0), 3, axes, "title")
    np.testing.assert_array_equal(axes.images[0].get_array(), np.arange(9.0).reshape(3, 3))
    assert axes.get_title() == "title"
    assert plots.png(drawn).startswith(b"\x89PNG")

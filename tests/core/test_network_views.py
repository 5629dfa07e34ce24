"""Drawings, images and text tables of networks."""

import numpy as np
import pytest

from rlnas import plots
from rlnas.network_views import (
    MOST_LINES,
    MOST_UNUSED,
    describe,
    draw_network,
    draw_pixels,
    input_strength,
    network_image,
)
from rlnas.nn.initialization import random_network
from rlnas.nn.network import EMA, VALUE, SparseNetwork
from tests.core.reference import allowed, network_of, skip_network


def network(sizes: tuple[int, ...] = (6, 5, 4, 3), seed: int = 0) -> SparseNetwork:
    return random_network(sizes, 0.5, np.random.default_rng(seed))


def coloured(picture: np.ndarray) -> tuple[int, int]:
    """How many pixels are more red than blue, and the other way round."""
    red, blue = picture[..., 0].astype(int), picture[..., 2].astype(int)
    return int((red > blue + 10).sum()), int((blue > red + 10).sum())


def hand_made() -> SparseNetwork:
    """3 of 3 x 4 connections into the first layer, 3 of 2 x 3, and 3 of 2 x 2 and 2 x 4."""
    mask = np.zeros((7, 11), bool)
    for row, column in [(0, 0), (1, 1), (2, 3), (3, 4), (4, 6), (5, 7), (6, 8), (6, 2)]:
        mask[row, column] = True
    mask[4, 5] = True
    return network_of((4, 3, 2, 2), mask, np.random.default_rng(0))


def test_a_network_without_connections_is_drawn():
    empty = network_of((4, 2), np.zeros((2, 6), bool), np.random.default_rng(0))
    assert len(np.unique(network_image(empty))) > 1
    assert describe(empty) == "constant prediction, no connections"


def test_describe_has_one_line_per_layer():
    lines = describe(hand_made()).split("\n")
    assert [line.split() for line in lines] == [
        ["layer", "units", "weights", "density"],
        ["input", "4"],
        ["hidden", "1", "3", "3", "25.0%"],
        ["hidden", "2", "2", "3", "50.0%"],
        ["output", "2", "3", "25.0%"],
        ["all", "11", "9", "30.0%"],
    ]


def test_describe_aligns_columns():
    lines = describe(network((700, 12, 10))).split("\n")
    ends = [len(line.rstrip()) for line in lines if "%" in line or "density" in line]
    assert len(set(ends)) == 1


def test_describe_appends_given_facts():
    facts = {"score": 0.91234, "val_metric": 0.95, "val_loss": 1.5, "action": "none", "x": 1}
    *_, score, accuracy, loss, action = describe(network(), facts).split("\n")
    assert score.split() == ["score", "0.9123"]
    assert accuracy.split() == ["val_metric", "0.9500"]
    assert loss.split() == ["val_loss", "1.5000"]
    assert action.split() == ["action", "none"]


@pytest.mark.parametrize("sizes", [(6, 3), (6, 4, 3), (6, 5, 4, 4, 3)])
def test_describe_and_image_accept_any_depth(sizes):
    lines = describe(network(sizes)).split("\n")
    assert len(lines) == len(sizes) + 2
    assert network_image(network(sizes)).std() > 0


def test_draw_network_draws_all_used_and_some_unused_inputs():
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
    draw_network(wide, axes)
    used, unused = (points.get_offsets() for points in axes.collections[1:])
    assert len(used) == np.count_nonzero(wide.fan_in + wide.fan_out)
    assert MOST_UNUSED / 2 <= len(unused) <= MOST_UNUSED
    draw_network(few, axes)
    assert len(axes.collections[-1].get_offsets()) == np.count_nonzero(few.fan_out[:50] == 0)


def test_network_image_has_documented_shape_and_is_not_blank():
    picture = network_image(network())
    assert picture.shape == (480, 640, 3)
    assert picture.dtype == np.uint8
    assert len(np.unique(picture)) > 10
    inside = picture[60:400, 40:600]
    assert (inside != 255).any(axis=2).mean() > 0.01


def test_network_image_is_deterministic():
    np.testing.assert_array_equal(network_image(network()), network_image(network()))


@pytest.mark.parametrize(
    "other",
    [network((6, 5, 5, 3)), network((6, 5, 3)), network(seed=1)],
    ids=["wider", "shallower", "other connections"],
)
def test_network_image_differs_between_networks(other):
    assert (network_image(other) != network_image(network())).any()


def test_positive_weights_are_red_and_negative_weights_blue():
    positive = network()
    positive.connections[EMA] = 1
    red, blue = coloured(network_image(positive))
    assert red > 100
    assert blue == 0
    positive.connections[EMA] = -1
    red, blue = coloured(network_image(positive))
    assert red == 0
    assert blue > 100


def test_network_image_shows_averaged_weights():
    changed = network()
    changed.connections[VALUE] *= -3
    np.testing.assert_array_equal(network_image(changed), network_image(network()))


def test_draw_network_accepts_skip_connections_and_limits_lines():
    assert network_image(skip_network((8, 6, 5, 3), np.random.default_rng(0))).std() > 0
    sizes = (100, 60, 3)
    crowded = network_of(sizes, allowed(sizes), np.random.default_rng(0))
    assert crowded.active_weights > MOST_LINES
    drawn, axes = plots.figure()
    draw_network(crowded, axes)
    assert len(axes.collections[0].get_segments()) == MOST_LINES
    assert f"{crowded.active_weights:,}" in axes.get_title()
    assert plots.pixels(drawn).std() > 0


def test_network_image_accepts_zero_weights():
    silent = network()
    silent.connections[:] = 0
    assert network_image(silent).shape == (480, 640, 3)


def test_network_image_does_not_change_network():
    given = network()
    before = given.connections.copy()
    network_image(given)
    np.testing.assert_array_equal(given.connections, before)


def test_input_strength_is_sum_of_absolute_weights():
    network = skip_network((5, 4, 3), np.random.default_rng(0))
    expected = np.zeros(5)
    for source, weight in zip(network.indices, network.connections[EMA], strict=True):
        if source < 5:
            expected[source] += abs(weight)
    np.testing.assert_allclose(input_strength(network), expected, rtol=1e-6)


def test_draw_pixels_is_row_by_row():
    drawn, (axes,) = plots.figure(4, 4, columns=1)
    draw_pixels(np.arange(9.0), 3, axes, "title")
    np.testing.assert_array_equal(axes.images[0].get_array(), np.arange(9.0).reshape(3, 3))
    assert axes.get_title() == "title"
    assert plots.png(drawn).startswith(b"\x89PNG")

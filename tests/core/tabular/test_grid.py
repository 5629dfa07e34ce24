"""`Grid`: every architecture has one number, and their order is the one documented."""

from itertools import pairwise

import numpy as np
import pytest

from rlnas.errors import InputError
from rlnas.tabular.grid import GRID, Grid

TINY = Grid((8, 16), (0.25, 0.5), 2)


def place(grid: Grid, architecture: tuple[tuple[int, float], ...]) -> int:
    """The number by counting: all shallower architectures, then a number in base `kinds`."""
    kinds = len(grid.widths) * len(grid.densities)
    number = sum(kinds**depth for depth in range(len(architecture)))
    within = 0
    for width, density in architecture:
        digit = grid.widths.index(width) * len(grid.densities) + grid.densities.index(density)
        within = within * kinds + digit
    return number + within


def test_grid_of_the_package_has_16276_architectures():
    assert len(GRID.architectures) == 1 + 25 + 625 + 15_625 == 16_276
    depths = [len(architecture) for architecture in GRID.architectures]
    assert [depths.count(depth) for depth in range(4)] == [1, 25, 625, 15_625]


def test_default_grid_has_powers_of_two():
    for values in (GRID.widths, GRID.densities):
        assert {high / low for low, high in pairwise(values)} == {2}
    assert (GRID.widths[0], GRID.widths[-1]) == (8, 128)
    assert (GRID.densities[0], GRID.densities[-1]) == (1 / 32, 1 / 2)


def test_number_is_index_in_architectures():
    for number, architecture in enumerate(GRID.architectures):
        assert GRID.number(architecture) == number


@pytest.mark.parametrize("grid", [GRID, TINY, Grid((3, 4, 5), (0.1,), 4), Grid((7,), (1.0,), 5)])
def test_numbering_is_by_depth_with_last_density_fastest(grid):
    assert [place(grid, stack) for stack in grid.architectures] == list(range(len(grid.numbers)))


def test_order_of_a_small_grid_by_hand():
    a, b, c, d = (8, 0.25), (8, 0.5), (16, 0.25), (16, 0.5)
    assert TINY.architectures[:9] == [(), (a,), (b,), (c,), (d,), (a, a), (a, b), (a, c), (a, d)]
    assert TINY.architectures[9:13] == [(b, a), (b, b), (b, c), (b, d)]
    assert TINY.architectures[-1] == (d, d)


@pytest.mark.parametrize(
    "written",
    [
        [[8, 0.5], [16, 0.25]],
        ([8, 0.5], [16, 0.25]),
        [(8, 0.5), (16, 0.25)],
        np.array([[8, 0.5], [16, 0.25]]),
        (layer for layer in [(8, 0.5), (16, 0.25)]),
    ],
    ids=["lists", "lists in a tuple", "tuples in a list", "array", "generator"],
)
def test_lists_and_arrays_are_accepted_like_tuples(written):
    assert TINY.number(written) == TINY.number(((8, 0.5), (16, 0.25)))


@pytest.mark.parametrize("nothing", [(), []])
def test_no_hidden_layer_is_number_0(nothing):
    assert GRID.number(nothing) == 0


@pytest.mark.parametrize(
    "wrong",
    [
        ((9, 0.25),),
        ((8, 0.3),),
        ((0.25, 8),),
        ((8, 0.25),) * 3,
        ((8,),),
        ((8, 0.25, 1),),
        (8, 0.25),
        [[[8], 0.25]],
        ((8, float("nan")),),
        "linear",
        8,
        None,
    ],
)
def test_architecture_off_grid_is_refused_with_grid(wrong):
    told = "is not on the grid: .* up to 2 hidden layers, widths 8, 16, densities 0.25, 0.5"
    with pytest.raises(InputError, match=told):
        TINY.number(wrong)


@pytest.mark.parametrize(
    ("widths", "densities", "max_depth", "told"),
    [
        ((), (0.5,), 1, "widths .* cannot be used: expected ascending"),
        ((8,), (), 1, "densities .* cannot be used: expected ascending"),
        ((16, 8), (0.5,), 1, "widths .* expected ascending"),
        ((8, 8), (0.5,), 1, "widths .* expected ascending"),
        ((8,), (0.5, 0.25), 1, "densities .* expected ascending"),
        ((0, 8), (0.5,), 1, "widths .* above 0"),
        ((-8, 8), (0.5,), 1, "widths .* above 0"),
        ((8, 2**15 + 1), (0.5,), 1, "widths .* at most 32768"),
        ((8,), (0.0, 0.5), 1, "densities .* above 0, at most 1"),
        ((8,), (0.5, 1.5), 1, "densities .* above 0, at most 1"),
        ((8,), (0.5, float("nan")), 1, "densities .* cannot be used"),
        ((8.5,), (0.5,), 1, "widths .* expected ascending whole numbers"),
        (("8",), (0.5,), 1, "widths .* expected ascending whole numbers"),
        ((8,), ("0.5",), 1, "densities .* expected ascending numbers"),
        ((8,), (0.5,), -1, "max_depth -1 cannot be used: expected a whole number from 0 to 5"),
        ((8,), (0.5,), 6, "max_depth 6 cannot be used: expected a whole number from 0 to 5"),
        ((8,), (0.5,), 1.5, "max_depth 1.5 cannot be used: expected"),
    ],
)
def test_bad_grid_is_refused(widths, densities, max_depth, told):
    with pytest.raises(InputError, match=told):
        Grid(widths, densities, max_depth)


def test_density_that_is_not_a_number_is_refused():
    for nan in [float("nan") for _ in range(64)]:  # hashed by identity: a set orders each anew
        with pytest.raises(InputError, match=r"densities .* cannot be used"):
            Grid((8,), (0.25, nan, 0.5), 1)


def test_grid_may_be_written_with_lists():
    grid = Grid([8, 16], [0.5], 1)  # type: ignore[arg-type]
    assert grid == Grid((8, 16), (0.5,), 1)
    assert hash(grid) == hash(Grid((8, 16), (0.5,), 1)), "environments keep grids by their hash"


def test_indices_point_into_widths_and_densities():
    grid = Grid((8, 16, 32), (0.25, 0.5), 2)
    indices = grid.indices
    assert (indices.shape, indices.dtype) == ((1 + 6 + 36, 2, 2), np.int8)
    for architecture, expected in [
        ((), [[-1, -1], [-1, -1]]),
        (((8, 0.25),), [[0, 0], [-1, -1]]),
        (((32, 0.25),), [[2, 0], [-1, -1]]),
        (((16, 0.5), (32, 0.25)), [[1, 1], [2, 0]]),
    ]:
        assert indices[grid.number(architecture)].tolist() == expected


def test_grid_without_hidden_layers_is_valid():
    grid = Grid((8,), (0.5,), 0)
    assert grid.architectures == [()]
    assert grid.indices.shape == (1, 0, 2)


def test_grid_that_could_never_be_trained_is_refused():
    with pytest.raises(InputError, match="a grid of 10000 layers and depth 5 has more than"):
        Grid(tuple(range(1, 101)), tuple((k + 1) / 100 for k in range(100)), 5)

"""The loops in vector registers against their plain meanings, with numbers that are not finite."""

from typing import NamedTuple

import numba
import numpy as np
import pytest

from rlnas.nn.kernels.fast_math import FASTMATH
from rlnas.nn.kernels.simd import gathering, rows, teams
from rlnas.nn.kernels.simd.registers import TILE, WIDE
from rlnas.nn.kernels.simd.teams import TEAM
from rlnas.nn.structure import BLOCK

INPUTS, ROWS = 10, 6
BAD = {"finite": 0.0, "NaN": np.nan, "infinity": np.inf, "minus infinity": -np.inf}

compiled = numba.njit(fastmath=set(FASTMATH), error_model="numpy")


@compiled
def forward_row(weights, columns, first, last, activations, row, bias, begins, floor):
    rows.forward_row(weights, columns, first, last, activations, row, bias, begins, floor)


@compiled
def backward_row(
    weights, columns, first, middle, last, activations, deltas, row, inputs, gate, gradient
):
    return rows.backward_row(
        weights, columns, first, middle, last, activations, deltas, row, inputs, gate, gradient
    )


@compiled
def forward_team(
    weights, columns, first, last, stride, activations, row, biases, bias, begins, floor
):
    teams.forward_team(
        weights, columns, first, last, stride, activations, row, biases, bias, begins, floor
    )


@compiled
def backward_team(
    weights, columns, first, middle, last, stride, activations, deltas, row, inputs, gradient
):
    teams.backward_team(
        weights, columns, first, middle, last, stride, activations, deltas, row, inputs, gradient
    )


@compiled
def gather_blocks(features, samples, place, blocks, mean, scale, activations):
    gathering.gather_blocks(features, samples, place, blocks, mean, scale, activations)


class Row(NamedTuple):
    """The last row of a network, which reads 7 inputs and 4 hidden units."""

    weights: np.ndarray
    columns: np.ndarray
    activations: np.ndarray
    deltas: np.ndarray
    gradient: np.ndarray


def row_with(bad: float) -> Row:
    """Random numbers, but for one number in the activations of a source and of the row's unit."""
    rng = np.random.default_rng(0)
    columns = np.array([0, 1, 3, 4, 6, 8, 9, 10, 11, 13, 14], np.int32)
    weights, gradient = rng.normal(size=(2, columns.size)).astype(np.float32)
    activations = rng.normal(size=(INPUTS + ROWS, TILE)).astype(np.float32)
    deltas = rng.normal(size=(ROWS, TILE)).astype(np.float32)
    if bad:
        activations[11, 5] = activations[15, 7] = bad
    return Row(weights, columns, activations, deltas, gradient)


def copies(row: Row) -> Row:
    return Row(*(array.copy() for array in row))


@pytest.mark.parametrize("begins", [True, False])
@pytest.mark.parametrize("floor", [0, -np.inf])
@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize(("first", "last"), [(0, 11), (3, 4), (5, 5)])
def test_forward_row_equals_its_plain_meaning(first, last, bad, floor, begins):
    found = row_with(BAD[bad])
    truth = copies(found)
    for function, row in ((forward_row, found), (rows.plain_forward_row, truth)):
        constants = np.float32(0.3), begins, np.float32(floor)
        function(row.weights, row.columns, first, last, row.activations, 15, *constants)
    np.testing.assert_allclose(found.activations, truth.activations, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("gate", [0, np.nan])
@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize(
    ("first", "middle", "last"), [(0, 7, 11), (2, 7, 9), (7, 7, 8), (1, 6, 6), (4, 4, 4)]
)
def test_backward_row_equals_its_plain_meaning(first, middle, last, bad, gate):
    found = row_with(BAD[bad])
    truth = copies(found)
    sums = []
    for function, row in ((backward_row, found), (rows.plain_backward_row, truth)):
        bounds = first, middle, last
        place = 5, INPUTS, np.float32(gate)
        with np.errstate(invalid="ignore"):
            total = function(
                row.weights, row.columns, *bounds, row.activations, row.deltas, *place, row.gradient
            )
        sums.append(total)
    np.testing.assert_allclose(found.gradient, truth.gradient, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.deltas, truth.deltas, rtol=1e-5, atol=1e-6)
    assert sums[0] == pytest.approx(sums[1], rel=1e-4, abs=1e-5, nan_ok=True)


def test_gradients_have_the_same_bits_whichever_connections_are_summed_beside_them():
    together = row_with(0)
    alone = copies(together)
    place = 5, INPUTS, np.float32(0)
    for row, bounds in (
        (together, [(0, 7, 11)]),
        (alone, [(k, k + (k < 7), k + 1) for k in range(11)]),
    ):
        for each in bounds:
            arrays = row.weights, row.columns, *each, row.activations, row.deltas
            backward_row(*arrays, *place, row.gradient)
    np.testing.assert_array_equal(together.gradient, alone.gradient)
    np.testing.assert_array_equal(together.deltas, alone.deltas)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize(
    ("place", "blocks"), [(0, [0]), (TILE - WIDE, [3]), (16, [0, 5]), (32, [])]
)
def test_gather_blocks_equals_its_plain_meaning(place, blocks, dtype):
    rng = np.random.default_rng(0)
    features = rng.integers(256, size=(30, 13)).astype(dtype)
    samples = rng.integers(30, size=TILE).astype(np.int32)
    mean, scale = rng.normal(size=(2, 13)).astype(np.float32)
    found, truth = np.full((2, 13, TILE), np.nan, np.float32)
    columns = np.array(blocks, np.int32)
    gather_blocks(features, samples, place, columns, mean, scale, found)
    gathering.plain_gather_blocks(features, samples, place, columns, mean, scale, truth)
    np.testing.assert_array_equal(found, truth)
    written = {column + i for column in blocks for i in range(BLOCK)}
    assert np.isfinite(found).sum() == len(written) * WIDE


class Team(NamedTuple):
    """Four rows of a network that read the same 9 of 10 inputs and 4 of 6 hidden units."""

    weights: np.ndarray
    columns: np.ndarray
    activations: np.ndarray
    deltas: np.ndarray
    gradient: np.ndarray


FAN_IN, SOURCES = 13, 16


def team_with(bad: float) -> Team:
    rng = np.random.default_rng(0)
    columns = np.tile(np.array([0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 15], np.int32), TEAM)
    weights, gradient = rng.normal(size=(2, columns.size)).astype(np.float32)
    activations = rng.normal(size=(SOURCES + TEAM, TILE)).astype(np.float32)
    deltas = rng.normal(size=(SOURCES - INPUTS + TEAM, TILE)).astype(np.float32)
    if bad:
        activations[3, 5] = activations[12, 7] = bad
    return Team(weights, columns, activations, deltas, gradient)


def as_bytes(team: Team) -> list[bytes]:
    return [array.tobytes() for array in team]


@pytest.mark.parametrize("begins", [True, False])
@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize(("first", "last"), [(0, 13), (3, 4), (5, 5)])
def test_a_team_computes_the_bits_of_its_rows_forward(first, last, bad, begins):
    together, apart = team_with(BAD[bad]), team_with(BAD[bad])
    biases, floor = np.arange(TEAM + 1, dtype=np.float32), np.float32(0)
    forward_team(
        *(together.weights, together.columns, first, last, FAN_IN),
        *(together.activations, SOURCES, biases, 1, begins, floor),
    )
    for j in range(TEAM):
        bounds = first + j * FAN_IN, last + j * FAN_IN
        place = SOURCES + j, biases[1 + j], begins, floor
        forward_row(apart.weights, apart.columns, *bounds, apart.activations, *place)
    assert as_bytes(together) == as_bytes(apart)


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize(
    ("first", "middle", "last"), [(0, 9, 13), (2, 9, 10), (9, 9, 13), (1, 8, 8), (4, 4, 4)]
)
def test_a_team_computes_the_bits_of_its_rows_backward(first, middle, last, bad):
    together, apart = team_with(BAD[bad]), team_with(BAD[bad])
    row = SOURCES - INPUTS
    backward_team(
        *(together.weights, together.columns, first, middle, last, FAN_IN),
        *(together.activations, together.deltas, row, INPUTS, together.gradient),
    )
    for j in reversed(range(TEAM)):
        bounds = first + j * FAN_IN, middle + j * FAN_IN, last + j * FAN_IN
        place = apart.deltas, row + j, INPUTS, np.float32(np.nan)
        arrays = apart.weights, apart.columns
        backward_row(*arrays, *bounds, apart.activations, *place, apart.gradient)
    assert as_bytes(together) == as_bytes(apart)

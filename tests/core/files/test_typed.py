"""Values from files are given back as they were written, or refused."""

import json
from typing import Any

import numpy as np
import pytest

from rlnas.files import typed
from rlnas.files.typed import Damaged

WRITTEN: list[Any] = [
    True,
    "wine",
    -3,
    0.1,
    np.int64(2**40),
    np.int32(-7),
    np.float32(0.1),
    np.float64(1e-300),
    (13, 51, 3),
    (0.25, 0.5),
    np.array([13, 51, 0], np.int32),
    np.array([[0.1, 0.2], [0.3, -1.0]], np.float32),
]
"""A value of each type that infos may have."""


def read_back(value: Any) -> Any:
    return json.loads(json.dumps(value, default=lambda array: array.tolist()))


@pytest.mark.parametrize("value", WRITTEN, ids=repr)
def test_like_restores_type_of_json_value(value):
    found = typed.like(read_back(value), value)
    assert type(found) is type(value)
    np.testing.assert_array_equal(found, value)
    assert getattr(found, "dtype", None) == getattr(value, "dtype", None)


@pytest.mark.parametrize(
    ("pattern", "value"),
    [
        (True, 1),
        (True, None),
        ("wine", 3),
        (-3, True),
        (-3, 3.0),
        (-3, 2**64),
        (0.1, 1),
        (0.1, "0.1"),
        (0.1, np.nan),
        (0.1, np.inf),
        (np.int32(1), 2**31),
        (np.float32(1), 1e39),
        ((1, 2), 1),
        ((1, 2), [1, 0.5]),
        ((1, 2), [[]]),
        (np.zeros(3), [0.0, 0.0]),
        (np.zeros(2), [0.0, None]),
        (np.zeros((2, 2)), [0.0, 0.0]),
        (np.zeros(2, np.int32), [0.0, 0.0]),
    ],
    ids=repr,
)
def test_value_of_another_type_is_refused(pattern, value):
    with pytest.raises(Damaged, match="expected a"):
        typed.like(value, pattern)


def test_array_of_other_type_shape_or_range_is_refused():
    value = np.arange(6, dtype=np.float32).reshape(2, 3)
    for shape in ((2, 3), (-1, 3), (2, -1)):
        arrays = {"a": value}
        found = typed.array(arrays, "a", np.float32, shape, 0, 5)
        np.testing.assert_array_equal(found, value)
        assert not arrays
    wrong = [
        (np.float64, (2, 3), 0, 5),
        (np.float32, (3, 2), 0, 5),
        (np.float32, (-1,), 0, 5),
        (np.float32, (2, 3, 1), 0, 5),
        (np.float32, (2, 3), 1, 5),
        (np.float32, (2, 3), 0, 4),
    ]
    for arguments in wrong:
        with pytest.raises(Damaged, match="array 'a'"):
            typed.array({"a": value}, "a", *arguments)
    with pytest.raises(Damaged, match="missing"):
        typed.array({}, "a", np.float32, (2, 3))
    for odd in (np.nan, np.inf):
        with pytest.raises(Damaged, match="not finite"):
            typed.array({"a": np.array([odd])}, "a", np.float64, (1,))


@pytest.mark.parametrize(
    "value", ["x" * 10**6, 10**5000, [list(range(10**5))], {"a": {"b": "\n" * 100}}], ids=type
)
def test_shown_is_one_short_line(value):
    shown = typed.shown(value)
    assert len(shown) < 100
    assert "\n" not in shown

"""Suspicious columns: identifiers and copies of the target are told, honest ones are not."""

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_iris, load_wine

from rlnas.columns.encoding import Column
from rlnas.columns.suspicion import suspicions

N = 1200
RANDOM = np.random.default_rng(0)
LABELS = RANDOM.integers(0, 3, N).astype(np.int32)


def told(
    values: np.ndarray,
    kind: str = "number",
    labels: np.ndarray | None = LABELS,
    targets: np.ndarray | None = None,
) -> list[str]:
    categories = tuple("abcdefghij") if kind == "category" else ()
    column = Column("x", kind, categories)
    return list(suspicions((column,), values.astype(float)[:, None], labels, targets))


PRICE = RANDOM.uniform(50_000, 900_000, N)


@pytest.mark.parametrize(
    "values",
    [PRICE, -2.5 * PRICE + 7, PRICE.round(-2), np.where(np.arange(N) % 11, PRICE, np.nan)],
    ids=["the target", "in other units", "rounded", "with gaps"],
)
def test_a_column_that_alone_tells_a_number_to_predict_is_told(values):
    targets = np.column_stack([RANDOM.normal(size=N), PRICE])
    (sentence,) = told(values, labels=None, targets=targets)
    assert sentence.startswith("column 'x' alone tells the number to predict of every row: if it")


@pytest.mark.parametrize(
    "values",
    [PRICE + RANDOM.normal(size=N) * 3000, PRICE * 0 + 3, RANDOM.random(N)],
    ids=["good", "constant", "random"],
)
def test_a_column_that_is_near_a_number_to_predict_is_honest(values):
    assert told(values, labels=None, targets=PRICE[:, None]) == []


IDENTIFIERS = {
    "from 0": np.arange(N),
    "from 1000, shuffled": RANDOM.permutation(N) + 1000,
    "with gaps": RANDOM.permutation(np.delete(np.arange(N + 50), RANDOM.permutation(N + 50)[:50])),
    "negative": -np.arange(N),
}


@pytest.mark.parametrize("case", IDENTIFIERS)
@pytest.mark.parametrize("labels", [LABELS, None])
def test_a_number_for_each_row_looks_like_an_identifier(case, labels):
    assert told(IDENTIFIERS[case], labels=labels) == [
        "column 'x' looks like an identifier, a number for each row"
    ]


COPIES = {
    "the class": LABELS,
    "the class in other numbers": np.array([7, 30, -2])[LABELS],
    "ranges that tell the class": LABELS * 10 + RANDOM.random(N),
    "the class with few gaps": np.where(np.arange(N) % 20, LABELS, np.nan),
}


@pytest.mark.parametrize("case", COPIES)
@pytest.mark.parametrize("kind", ["number", "category", "date"])
@pytest.mark.parametrize("order", ["as they come", "by class"])
def test_a_column_that_tells_every_class_is_told(case, kind, order):
    rows = np.arange(N) if order == "as they come" else np.argsort(LABELS, kind="stable")
    values = np.round(COPIES[case]) if kind == "category" else COPIES[case]
    (sentence,) = told(values[rows], kind, LABELS[rows])
    assert sentence.startswith("column 'x' alone tells the class of every row: if it is known only")


HONEST = {
    "noise": RANDOM.normal(size=N),
    "counts": RANDOM.integers(0, 400, N),
    "numbers, all different": RANDOM.permutation(10 * N)[:N],
    "fractions that count up": np.arange(N) / 7,
    "the class, mostly": np.where(RANDOM.random(N) < 0.99, LABELS, (LABELS + 1) % 3),
    "the class, one wrong": np.where(np.arange(N), LABELS, (LABELS + 1) % 3),
    "the class with many gaps": np.where(RANDOM.random(N) < 0.2, np.nan, LABELS),
    "gaps only": np.full(N, np.nan),
}


@pytest.mark.parametrize("case", HONEST)
def test_other_columns_are_not_told(case):
    assert told(HONEST[case]) == []


@pytest.mark.parametrize("load", [load_wine, load_breast_cancer, load_iris])
def test_real_measurements_are_not_told(load):
    data = load()
    columns = tuple(Column(str(name), "number") for name in data.feature_names)
    assert list(suspicions(columns, data.data, data.target.astype(np.int32))) == []


def test_few_rows_are_alike_by_chance():
    assert told(np.arange(49), labels=LABELS[:49]) == []
    assert told(np.arange(50), labels=LABELS[:50]) != []

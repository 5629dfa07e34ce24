"""Made-up designs for tables: columns of any kind, any rules, rows with gaps."""

from dataclasses import dataclass
from math import nan

import numpy as np
from hypothesis import strategies as st

from rlnas.columns.encoding import KINDS, Column, Encoding, Rule
from rlnas.data.preprocessing import Preprocessing
from rlnas.export.inference import Inference, for_inference
from rlnas.nn.network import SparseNetwork
from tests.core.reference import skip_network

CLASSES = 3
FAR = 1e8
"""Offset of numbers and dates that float32 does not tell apart."""

Feature = tuple[int, Rule, float]


@dataclass(frozen=True)
class Case:
    """A design for a table and codes of some rows."""

    preprocessing: Preprocessing
    network: SparseNetwork
    codes: np.ndarray

    @property
    def inference(self) -> Inference:
        return for_inference(self.network, self.preprocessing)


def encoding_of(columns: tuple[Column, ...], features: list[Feature]) -> Encoding:
    source, rule, operand = zip(*features, strict=True)
    arrays = np.array(source, np.int32), np.array(rule, np.uint8), np.array(operand, float)
    table = tuple(column.name for column in columns)
    return Encoding(columns, table, True, ("target",), {}, *arrays)


def case_of(encoding: Encoding, seed: int, far: bool = False, rows: int = 20) -> Case:
    """A case with random statistics, weights and rows.

    Args:
        encoding: The rules.
        seed: Seed of the random numbers.
        far: Whether some features have an offset, numbers and dates `FAR`.
        rows: Number of rows.
    """
    rng = np.random.default_rng(seed)
    n = encoding.n_features
    value = encoding.rule == Rule.VALUE
    wide = np.array([column.kind in ("number", "date") for column in encoding.columns])
    offset = np.where(value & wide[encoding.source], FAR, 0.5) * (far & (rng.random(n) < 0.7))
    codes = np.zeros((rows, len(encoding.columns)))
    for place, column in enumerate(encoding.columns):
        if column.kind == "category":
            codes[:, place] = rng.integers(column.n_codes, size=rows)
        elif column.kind == "boolean":
            codes[:, place] = rng.integers(2, size=rows)
        else:
            own = offset[(encoding.source == place) & value]
            codes[:, place] = rng.normal(3, 2, rows) + (own.max() if own.size else 0)
    codes[rng.random(codes.shape) < 0.25] = nan
    preprocessing = Preprocessing(
        offset,
        rng.normal(size=n).astype(np.float32),
        rng.uniform(0.3, 3, n).astype(np.float32),
        offset + np.where(value, -1.0, 0.0),
        offset + np.where(value, 6.0, 1.0),  # some codes are beyond
        False,
        tuple("abc"),
        encoding.feature_names,
        encoding,
    )
    return Case(preprocessing, skip_network((n, 5, CLASSES), rng, 0.5), codes)


HOSTILE = [
    "*/ int x; /*",
    "/*/",
    "??/",
    "back\\",
    '"',
    "%s${name}",
    "\n",
    "\u202e",
    "é",
    "数",
    "1",
    "",
]
TEXTS = st.sampled_from(HOSTILE) | st.text(st.characters(codec="utf-8", exclude_characters="\0"))


@st.composite
def columns(draw: st.DrawFn) -> Column:
    kind = draw(st.sampled_from(KINDS))
    if kind != "category":
        return Column(draw(TEXTS), kind)
    categories = draw(st.lists(TEXTS, min_size=1, max_size=5, unique=True))
    return Column(draw(TEXTS), kind, tuple(categories), draw(st.booleans()))


def features_of_column(place: int, column: Column) -> st.SearchStrategy[Feature]:
    missing = st.just((place, Rule.MISSING, nan))
    if column.kind == "category":
        code = st.integers(0, column.n_codes - 1).map(float)
        return missing | st.tuples(st.just(place), st.just(Rule.IS), code)
    operands = [0.0, 1.0, nan] if column.kind == "boolean" else [0.1, -7.25, FAR + 3.25, nan]
    return missing | st.tuples(st.just(place), st.just(Rule.VALUE), st.sampled_from(operands))


@st.composite
def cases(draw: st.DrawFn) -> Case:
    chosen = tuple(draw(st.lists(columns(), min_size=1, max_size=5)))
    each = [features_of_column(place, column) for place, column in enumerate(chosen)]
    features = draw(st.lists(st.one_of(each), min_size=1, max_size=12))
    if draw(st.booleans()):  # as they are fitted; any order has to do
        features.sort(key=lambda feature: feature[:2])
    return case_of(encoding_of(chosen, features), draw(st.integers(0, 99)), draw(st.booleans()))

"""Exports of designs for tables: every format makes the features that Python makes of codes."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from safetensors import safe_open

from rlnas.columns.encoding import Column, Rule
from rlnas.export.c.quantization import dequantize, quantize
from rlnas.export.formats import FORMATS, export_network
from rlnas.export.torch_module import OnCodes
from rlnas.nn.network import EMA
from tests.core.export.exported import FLOAT_FORMATS, logits_of
from tests.core.export.tables import Case, case_of, cases, encoding_of
from tests.core.export.test_export_features import dense
from tests.core.reference import dense as dense_network, dense_logits

EXAMPLES = {"c": 8, "c-int8": 8, "torch": 3}
"""Cases for a format; those that a compiler works on are slow."""


def check(outputs: np.ndarray, case: Case, quantized: bool = False) -> None:
    """Outputs have to be those of the whole network on the features that Python makes."""
    given, network, inference = case.preprocessing, case.network, case.inference
    features = given.features(case.codes)
    x = ((features - given.offset).astype(np.float32) - given.mean) * given.scale
    x, sizes = x.astype(np.float64).clip(*given.bounds), network.layer_sizes
    unknown = np.isnan(x[:, inference.inputs]).any(axis=1)
    weights, biases = dense_network(network, EMA)
    if quantized:
        stored = dequantize(inference)
        x = (
            (features - given.offset).astype(np.float32)[:, inference.inputs] - stored.mean
        ).astype(np.float64) * stored.scale
        x = x.clip(*stored.bounds)
        sizes, (weights, biases) = inference.layer_sizes, dense(stored)
    x = np.nan_to_num(x)
    wanted = dense_logits(sizes, weights, biases, x)
    bound = 1e-5 * dense_logits(sizes, np.abs(weights), np.abs(biases), np.abs(x))
    np.testing.assert_array_equal(np.isnan(outputs), np.repeat(unknown[:, None], 3, axis=1))
    known = ~unknown
    assert np.all(np.abs(outputs - wanted)[known] <= bound[known])
    second, first = np.sort(wanted, axis=1)[:, -2:].T
    clear = known & (first - second > 2 * bound.max(axis=1))
    assert (outputs[clear].argmax(axis=1) == wanted[clear].argmax(axis=1)).all()


@pytest.mark.parametrize("form", FLOAT_FORMATS)
def test_outputs_equal_outputs_on_the_features_that_python_makes(form, tmp_path):
    folders = (tmp_path / str(number) for number in range(10_000))  # a library is loaded once

    @settings(max_examples=EXAMPLES.get(form, 20))
    @given(cases())
    def with_any_rules(case: Case) -> None:
        folder, inference = next(folders), case.inference
        export_network(inference, form, folder, "network", case.codes)
        outputs = logits_of(form, folder, case.codes, inference)
        check(outputs, case, quantized=form == "c-int8")

    with_any_rules()


@settings(max_examples=50)
@given(cases())
def test_python_and_torch_outputs_equal_outputs_on_the_features_that_python_makes(case):
    inference = case.inference
    check(inference.logits(case.codes), case)
    module = OnCodes(inference, inference.encoding)
    check(module(torch.from_numpy(case.codes.astype(inference.dtype))).detach().numpy(), case)


# --- what columns hold, and which are read ---

TABLE = (
    Column("age", "number"),
    Column("since", "date", written="%d.%m.%Y"),
    Column("member", "boolean"),
    Column("colour", "category", ("red", "grün"), other=True),
    Column("size", "category", ("S", "M")),
    Column("shop", "category", ("north", "south")),
)
RULES = [
    (0, Rule.VALUE, 3.5),
    (0, Rule.MISSING, np.nan),
    (1, Rule.VALUE, 2.25),
    (2, Rule.VALUE, 1.0),
    (3, Rule.IS, 0.0),
    (3, Rule.IS, 1.0),
    (3, Rule.IS, 2.0),
    (4, Rule.IS, 1.0),
    (5, Rule.IS, 0.0),
]


def unread_shop() -> Case:
    """A case in which the last column is not read."""
    case = case_of(encoding_of(TABLE, RULES), seed=10)
    case.network.connections[EMA, case.network.indices == len(RULES) - 1] = 0
    assert case.inference.inputs.tolist() == list(range(len(RULES) - 1))
    return case


CASE = unread_shop()
FACTS = [
    {"name": "age", "kind": "number", "read": True, "written": ""},
    {"name": "since", "kind": "date", "read": True, "written": "%d.%m.%Y"},
    {"name": "member", "kind": "boolean", "read": True},
    {"name": "colour", "kind": "category", "read": True, "categories": ["red", "grün"], "other": 2},
    {"name": "size", "kind": "category", "read": True, "categories": ["S", "M"], "other": None},
    {
        "name": "shop",
        "kind": "category",
        "read": False,
        "categories": ["north", "south"],
        "other": None,
    },
]


def metadata(form: str, folder: Path) -> str | None:
    """What a format itself says about columns; None if it cannot."""
    match form:
        case "onnx":
            model = onnx.load(folder / "network.onnx")
            assert [each.name for each in model.graph.input] == ["codes"]
            return {each.key: each.value for each in model.metadata_props}["columns"]
        case "torch":
            files = {"columns.json": ""}
            torch.export.load(folder / "network.pt2", extra_files=files)
            return files["columns.json"]
        case "safetensors":
            with safe_open(folder / "network.safetensors", "numpy") as file:
                return file.metadata()["columns"]
    return None


@pytest.mark.parametrize("form", FORMATS)
def test_every_export_tells_what_the_codes_mean(form, tmp_path):
    files = export_network(CASE.inference, form, tmp_path, "network", CASE.codes)["files"]
    assert sorted(files) == sorted(each.name for each in tmp_path.iterdir())
    facts = json.loads((tmp_path / "network_columns.json").read_text())
    assert facts["columns"] == FACTS
    assert set(facts["codes"]) == {*(column.kind for column in TABLE), "missing"}
    inside = metadata(form, tmp_path)
    assert (inside is None) == (form in ("c", "c-int", "c-int8", "npz"))
    assert inside is None or json.loads(inside) == facts


@pytest.mark.parametrize("form", FLOAT_FORMATS)
def test_column_that_is_not_read_has_no_influence(form, tmp_path):
    inference = CASE.inference
    export_network(inference, form, tmp_path, "network", CASE.codes)
    usual = logits_of(form, tmp_path, CASE.codes, inference)
    for value in (np.nan, 1e30, -1):
        codes = CASE.codes.copy()
        codes[:, 5] = value
        np.testing.assert_array_equal(logits_of(form, tmp_path, codes, inference), usual)


def test_int8_code_reads_a_single_feature_of_a_table_in_place(tmp_path):
    case = case_of(encoding_of(TABLE[:2], RULES[:3]), seed=0)
    case.network.connections[EMA, case.network.indices < 2] = 0
    inference = case.inference
    assert inference.inputs.tolist() == [2]
    assert quantize(inference).in_place
    export_network(inference, "c-int8", tmp_path, "network", case.codes)
    check(logits_of("c-int8", tmp_path, case.codes, inference), case, quantized=True)


@pytest.mark.parametrize("form", FLOAT_FORMATS)
def test_infinite_and_huge_numbers_give_equal_finite_outputs_in_all_formats(form, tmp_path):
    inference = CASE.inference
    export_network(inference, form, tmp_path, "network", CASE.codes)
    codes = CASE.codes[:6].copy()
    codes[:, 0] = [np.inf, -np.inf, 1e300, -1e300, 1e30, -1e15]
    with np.errstate(over="ignore"):
        outputs = logits_of(form, tmp_path, codes, inference)
    stored = dequantize(inference) if form == "c-int8" else inference
    wanted = stored.logits(codes)
    assert np.isfinite(outputs).all()
    scale = np.abs(wanted).max(axis=1, keepdims=True)
    assert np.all(np.abs(outputs - wanted) <= 1e-4 * scale)

"""Exports of networks that predict numbers: the same numbers in the units of the data."""

import subprocess
from dataclasses import replace

import numpy as np
import pytest

from rlnas.designs.prediction import predict_samples
from rlnas.designs.saved import SavedDesign
from rlnas.errors import InputError
from rlnas.export.c.code import SAMPLES, write_c
from rlnas.export.c.outputs import CLOSE
from rlnas.export.c.quantization import dequantize
from rlnas.export.formats import export_network
from rlnas.export.inference import for_inference
from rlnas.nn.training import predict
from tests.core.export.exported import FLOAT_FORMATS, STRICT, logits_of
from tests.core.reference import regression_dataset, skip_network

DATA = regression_dataset(np.random.default_rng(3), features=12, targets=2)
NETWORK = skip_network((12, 7, 4, 2), np.random.default_rng(1), density=0.4)
INFERENCE = for_inference(NETWORK, DATA.preprocessing)
ROWS = DATA.features[DATA.test]
TRUTH = predict(NETWORK, DATA, DATA.test)


@pytest.mark.parametrize("form", FLOAT_FORMATS)
def test_exports_predict_in_the_units_of_the_data(form, tmp_path):
    export_network(INFERENCE, form, tmp_path, "network", ROWS)
    found = logits_of(form, tmp_path, ROWS, INFERENCE)
    assert found.shape == TRUTH.shape
    truth = dequantize(INFERENCE).logits(ROWS) if form == "c-int8" else TRUTH
    assert np.abs(found - truth).max() <= 1e-5 * np.abs(truth).max()
    assert np.ptp(TRUTH) > 1000


def test_saved_designs_predict_the_same_numbers():
    found = predict_samples(SavedDesign(NETWORK, DATA.preprocessing, {}), ROWS)
    np.testing.assert_allclose(found.values, TRUTH, rtol=1e-4, atol=1e-4 * np.abs(TRUTH).max())
    assert found.classes.size == found.probabilities.size == 0


def compiled_test(folder, name: str = "network") -> int:
    """The exit code of the self-test in a folder."""
    files = [folder / f"{name}_test.c", folder / f"{name}.c"]
    subprocess.run(["cc", *STRICT, "-o", folder / "test", *files, "-lm"], check=True)
    return subprocess.run([folder / "test"], capture_output=True, check=False).returncode


@pytest.mark.parametrize(("form", "array"), [("c", "biases"), ("c-int8", "centres")])
def test_self_test_passes_and_notices_other_numbers(form, array, tmp_path):
    write_c(INFERENCE, tmp_path, "network", ROWS, form)
    assert compiled_test(tmp_path) == 0
    source = (tmp_path / "network.c").read_text()
    start = source.index(f"network_{array}[")
    end = source.index("\n};", start)
    last = source[start:end].rsplit(",", 1)[-1].strip()
    shifted = f"{float.fromhex(last[:-1]) + 3 * CLOSE * np.ptp(TRUTH):.9g}f"
    (tmp_path / "network.c").write_text(source[: end - len(last)] + shifted + source[end:])
    assert compiled_test(tmp_path) == SAMPLES


def test_rounded_weights_predict_targets_of_any_size_and_place(tmp_path):
    data = regression_dataset(np.random.default_rng(3), features=12, targets=2)
    far = replace(
        data.preprocessing.targets, mean=np.array([1e5, -3.0]), scale=np.array([7.0, 1e-4])
    )
    rules = replace(data.preprocessing, targets=far)
    inference = for_inference(NETWORK, rules)
    write_c(inference, tmp_path, "network", ROWS, "c-int8")
    found = logits_of("c-int8", tmp_path, ROWS, inference)
    plain = for_inference(NETWORK, data.preprocessing).logits(ROWS)
    standard = (plain - data.preprocessing.targets.mean) / data.preprocessing.targets.scale
    errors = np.abs((found - far.mean) / far.scale - standard).max(axis=0)
    assert (errors < 0.05 * np.abs(standard).max(axis=0)).all()


def test_code_with_integers_only_gives_no_numbers(tmp_path):
    with pytest.raises(InputError, match="numbers are to be predicted: expected the format c-int8"):
        export_network(INFERENCE, "c-int", tmp_path, "network", ROWS)


def test_names_of_targets_are_known_in_c(tmp_path):
    names = ("price in €", 'a "b"')
    named = replace(INFERENCE, targets=replace(INFERENCE.targets, names=names))
    write_c(named, tmp_path, "network", ROWS)
    (tmp_path / "main.c").write_text(
        '#include "network.h"\n#include <stdio.h>\n'
        "int main(void) { int k; for (k = -1; k < 3; k++) puts(network_target_name(k));"
        " return NETWORK_TARGETS; }"
    )
    files = [tmp_path / "main.c", tmp_path / "network.c"]
    subprocess.run(["cc", *STRICT, "-o", tmp_path / "main", *files, "-lm"], check=True)
    ran = subprocess.run([tmp_path / "main"], capture_output=True, check=False)
    assert ran.returncode == 2
    assert ran.stdout.decode() == '\nprice in €\na "b"\n\n'


@pytest.mark.parametrize("form", FLOAT_FORMATS)
def test_a_missing_value_makes_all_numbers_nan(form, tmp_path):
    export_network(INFERENCE, form, tmp_path, "network", ROWS)
    rows = ROWS[:3].copy()
    rows[1, INFERENCE.inputs[0]] = np.nan
    found = logits_of(form, tmp_path, rows, INFERENCE)
    assert np.isnan(found[1]).all()
    assert np.isfinite(found[[0, 2]]).all()


def test_a_network_for_another_number_of_targets_is_refused():
    with pytest.raises(InputError, match="12 features and 2 targets: give those of the data"):
        for_inference(skip_network((12, 3), np.random.default_rng(0)), DATA.preprocessing)

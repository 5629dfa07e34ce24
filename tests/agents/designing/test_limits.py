"""What a search is asked for: limits, times, and what cannot be asked for together."""

import numpy as np
import pytest

from rlnas.agents.cli.main import main
from rlnas.agents.designing.design import design
from rlnas.agents.designing.search.limits import (
    DEFAULT_PENALTY,
    DEFAULT_TRIALS,
    Asked,
    Limits,
    seconds_of,
)
from rlnas.data.loading import load_dataset
from rlnas.errors import InputError
from rlnas.export.c.sizes import c_bytes
from rlnas.export.inference import for_inference
from rlnas.nn.initialization import random_network


@pytest.mark.parametrize(
    ("typed", "seconds"),
    [("5", 5), (5, 5), (0.5, 0.5), ("60s", 60), ("2m", 120), ("1.5 min", 90), ("1h", 3600)],
)
def test_a_time_is_seconds_or_has_a_unit(typed, seconds):
    assert seconds_of(typed) == seconds


@pytest.mark.parametrize(
    "typed", ["", "soon", "1d", "-1", "0", "0s", "nan", "inf", True, "1e3", "s"]
)
def test_what_is_no_time_is_refused(typed):
    with pytest.raises(InputError, match=r"expected a time above zero such as 5, 60s, 2m or 1h"):
        seconds_of(typed)


def test_a_network_fits_up_to_the_bytes_of_its_export():
    data = load_dataset("wine")
    network = random_network((13, 6, 3), 0.5, np.random.default_rng(0))
    rules = data.preprocessing
    for form in ("c", "c-int8", "c-int"):
        needs = c_bytes(for_inference(network, rules), form)
        for name, value in (("max_bytes", needs.flash), ("max_ram", needs.ram)):
            assert Limits(**{name: value}, form=form).fit(network, rules)
            assert not Limits(**{name: value - 1}, form=form).fit(network, rules)
    assert Limits(max_weights=network.active_weights).fit(network, rules)
    assert not Limits(max_weights=network.active_weights - 1).fit(network, rules)


def test_a_limit_alone_asks_for_the_default_number_of_trials():
    asked = Asked.of(max_weights=50)
    assert asked is not None
    assert (asked.trials, asked.seconds, asked.penalty) == (DEFAULT_TRIALS, None, DEFAULT_PENALTY)
    assert asked.limits.given == {"max_weights": 50}
    assert Asked.of() is None


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("--time soon", "--time soon cannot be used: expected a time above zero"),
        ("--time 1 --trials 3", "--time and --trials exclude each other"),
        ("--max-weights 0", "--max-weights 0 cannot be used: expected a whole number from 1"),
        ("--max-bytes -5", "--max-bytes -5 cannot be used: expected a whole number from 1"),
        ("--trials 0", "--trials 0 cannot be used: expected a whole number from 1"),
        ("--min-accuracy 1.5", "--min-accuracy 1.5 cannot be used: expected a number in (0, 1]"),
        ("--min-accuracy nan", "--min-accuracy nan cannot be used: expected a number in (0, 1]"),
        ("--min-accuracy 0.9 --penalty 0.1", "--min-accuracy and --penalty exclude each other"),
        ("--format c-int", "--format is about --max-bytes and --max-ram"),
        ("--format c --max-weights 9", "--format is about --max-bytes and --max-ram"),
        ("--cost 1 --max-weights 9", "--cost, --thorough and a search"),
        ("--thorough --time 9", "--cost, --thorough and a search"),
        ("--thorough --cost 1", "--cost, --thorough and a search"),
        ("--trials 2 --penalty nan", "--penalty nan cannot be used"),
    ],
)
def test_what_cannot_be_asked_for_is_told_in_one_line(words, told, tmp_path, capsys):
    assert main(["design", "wine", *words.split(), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("words", ["--max-weights many", "--max-bytes 2k", "--min-accuracy best"])
def test_what_is_no_number_is_refused_by_the_parser(words, tmp_path, capsys):
    assert main(["design", "wine", *words.split(), "--out", str(tmp_path / "out")]) == 2
    option, value = words.split()
    assert capsys.readouterr().err.startswith(f"rlnas: {option} '{value}' cannot be used: expected")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("limits", [{"max_bytes": 2.5}, {"max_ram": "1"}, {"format": "onnx"}])
def test_values_of_the_wrong_kind_are_refused(limits, tmp_path):
    wanted = {"max_bytes": 100} | limits
    with pytest.raises(InputError, match=r"cannot be used|unknown format"):
        design(dataset="wine", out=tmp_path / "out", **wanted)
    assert not (tmp_path / "out").exists()

"""A design on disk: what is written is read again, what is damaged is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from rlnas.data.preprocessing import Preprocessing
from rlnas.designs.saved import load_design, save_design
from rlnas.errors import InputError
from tests.core.reference import bits, preprocessing_of, skip_network

ORIGIN = {
    "dataset": "digits",
    "source": {"name": "digits"},
    "samples_sha256": "0" * 64,
    "split_sha256": "1" * 64,
    "objective": {"task": "classification", "metric": "accuracy", "loss": "cross_entropy"},
}
RECORD = {
    **ORIGIN,
    "penalty": 0.1,
    "score": 0.9123456789012345,
    "layer_sizes": [5, 4, 3, 2],
    "history": [{"action": "none", "applied": True}, {"action": "add_layer hidden 1"}],
    "note": 'Ünïcode, "quotes" and\nlines',
}


@pytest.fixture
def folder(tmp_path) -> Path:
    save_design(tmp_path / "design", network(), preprocessing(), RECORD)
    return tmp_path / "design"


def network(seed: int = 0):
    return skip_network((5, 4, 3, 2), np.random.default_rng(seed))


def preprocessing(seed: int = 0) -> Preprocessing:
    raw = np.random.default_rng(seed).normal(size=(20, 5)) * [1e-9, 1, 1e9, 7, 3]
    return preprocessing_of(raw, raw.mean(axis=0), 1 / raw.std(axis=0), 2)


def test_design_round_trip_is_exact(folder):
    again, read, record = load_design(folder)
    assert bits(again) == bits(network())
    assert {key: record[key] for key in RECORD} == RECORD
    for name, value in vars(preprocessing()).items():
        found = getattr(read, name)
        if isinstance(value, np.ndarray):
            assert found.dtype == value.dtype
            assert found.tobytes() == value.tobytes(), name
        else:
            assert found == value


def test_record_says_which_versions_wrote_it(folder):
    assert load_design(folder).record["versions"].keys() == {*("python", "rlnas", "numpy", "numba")}


def test_network_is_saved_correctly_for_any_memory_layout(tmp_path):
    given = network()
    given.units, given.connections = map(np.asfortranarray, (given.units, given.connections))
    save_design(tmp_path, given, preprocessing(), ORIGIN)
    assert bits(load_design(tmp_path)[0]) == bits(network())


def test_design_is_a_network_file_and_two_json_files(folder):
    assert sorted(path.name for path in folder.iterdir()) == [
        *("design.json", "network.safetensors", "preprocessing.json")
    ]
    assert json.loads((folder / "design.json").read_text())["format"] == "rlnas-design-3"


def test_folder_may_be_given_as_text(folder):
    assert bits(load_design(str(folder))[0]) == bits(network())


def test_folders_are_made_as_needed(tmp_path):
    save_design(tmp_path / "a" / "b", network(), preprocessing(), ORIGIN)
    found = load_design(tmp_path / "a" / "b").record
    assert found.keys() == {*ORIGIN, "format", "versions", "files_sha256"}


def test_design_replaces_the_one_before(folder):
    save_design(folder, network(1), preprocessing(), {**ORIGIN, "score": 1.0})
    again, _, record = load_design(folder)
    assert bits(again) == bits(network(1))
    assert "history" not in record
    assert len(list(folder.iterdir())) == 3, "no temporary file is left"


def test_saving_does_not_change_the_network_or_the_record(tmp_path):
    given, record = network(), dict(RECORD)
    save_design(tmp_path, given, preprocessing(), record)
    assert bits(given) == bits(network())
    assert record == RECORD


def test_folder_without_a_design_is_refused(tmp_path):
    for place in (tmp_path, tmp_path / "absent"):
        with pytest.raises(InputError, match="holds no design: expected a folder made by"):
            load_design(place)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is damaged"),
        (b'{"format": "rlnas-des', "is damaged"),
        (b"\xff\xfe\x00", "is damaged"),
        (b"[" * 100_000, "is damaged"),
        (b"[]", "is not a design of this version"),
        (b"null", "is not a design of this version"),
        (b"{}", "is not a design of this version"),
        (b'{"format": "rlnas-design-4"}', "is not a design of this version"),
        (b'{"format": ["rlnas-design-3"]}', "is not a design of this version"),
        (b'{"format": "rlnas-design-3"}', "dataset is missing"),
    ],
    ids=lambda value: str(value[:20]),
)
def test_damaged_or_foreign_record_is_refused(folder, content, message):
    (folder / "design.json").write_bytes(content)
    with pytest.raises(InputError, match=message):
        load_design(folder)


def test_design_of_earlier_version_is_refused_with_the_command_to_remake_it(folder):
    record = {"format": "rlnas-design-1", "dataset": "wine", "penalty": 0.3, "seed": 4}
    (folder / "design.json").write_text(json.dumps(record))
    (folder / "preprocessing.json").unlink()
    message = r"does not say what its outputs mean.* `rlnas design` .* --penalty 0.3 --seed 4"
    with pytest.raises(InputError, match=message):
        load_design(folder)


@pytest.mark.parametrize("file", ["network.safetensors", "preprocessing.json"])
def test_mixed_files_of_two_designs_are_refused(folder, tmp_path, file):
    save_design(tmp_path / "other", network(1), preprocessing(1), RECORD)
    (folder / file).write_bytes((tmp_path / "other" / file).read_bytes())
    with pytest.raises(InputError, match="do not belong together"):
        load_design(folder)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mean", [0.0] * 4),
        ("mean", [0.0] * 4 + [float("nan")]),
        ("mean", "mean"),
        ("scale", [1.0] * 4 + [0.0]),
        ("scale", [1.0] * 4 + [1e300]),
        ("offset", [1.0] * 4 + ["1"]),
        ("low", [10**400] + [1.0] * 4),
        ("class_names", ["one"]),
        ("class_names", ["one", 2]),
        ("class_names", ["one", "two", "three"]),
        ("feature_names", ["a"]),
        ("pixels", 1),
        ("whole", 1),
    ],
)
def test_preprocessing_that_makes_no_sense_is_refused(folder, monkeypatch, name, value):
    changed = {**preprocessing().as_json(), name: value}
    monkeypatch.setattr(Preprocessing, "as_json", lambda self: changed)  # the fingerprints fit

    def write_and_read() -> None:
        save_design(folder, network(), preprocessing(), RECORD)
        load_design(folder)

    with pytest.raises(InputError, match=r"cannot write|is damaged|do not belong together"):
        write_and_read()


def test_record_without_its_network_is_refused(folder):
    (folder / "network.safetensors").unlink()
    with pytest.raises(InputError, match="no network file"):
        load_design(folder)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_truncated_network_is_refused(folder, share):
    path = folder / "network.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match="is damaged"):
        load_design(folder)


def test_design_cannot_be_written_below_a_file(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot write"):
        save_design(tmp_path / "file" / "design", network(), preprocessing(), RECORD)
    assert (tmp_path / "file").read_text() == "in the way"

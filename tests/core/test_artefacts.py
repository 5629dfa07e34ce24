"""A design on disk: what is written is read again, what is damaged is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from rlnas.artefacts import load_design, save_design
from rlnas.errors import InputError
from tests.core.reference import bits, skip_network

RECORD = {
    "dataset": "digits",
    "penalty": 0.1,
    "score": 0.9123456789012345,
    "layer_sizes": [5, 4, 3, 2],
    "history": [{"action": "none", "applied": True}, {"action": "add_layer hidden 1"}],
    "note": 'Ünïcode, "quotes" and\nlines',
}


@pytest.fixture
def folder(tmp_path) -> Path:
    save_design(tmp_path / "design", network(), RECORD)
    return tmp_path / "design"


def network(seed: int = 0):
    return skip_network((5, 4, 3, 2), np.random.default_rng(seed))


def test_a_design_is_read_as_it_was_written(folder):
    again, record = load_design(folder)
    assert bits(again) == bits(network())
    assert {key: record[key] for key in RECORD} == RECORD


def test_a_network_is_saved_as_it_is_however_its_arrays_lie_in_memory(tmp_path):
    given = network()
    given.units, given.connections = map(np.asfortranarray, (given.units, given.connections))
    save_design(tmp_path, given, {})
    assert bits(load_design(tmp_path)[0]) == bits(network())


def test_a_design_is_a_network_file_and_a_json_file(folder):
    assert sorted(path.name for path in folder.iterdir()) == ["design.json", "network.safetensors"]
    assert json.loads((folder / "design.json").read_text())["format"] == "rlnas-design-1"


def test_a_folder_may_be_given_as_text(folder):
    assert bits(load_design(str(folder))[0]) == bits(network())


def test_folders_are_made_as_needed(tmp_path):
    save_design(tmp_path / "a" / "b", network(), {})
    assert load_design(tmp_path / "a" / "b")[1].keys() == {"format"}


def test_a_design_replaces_the_one_before(folder):
    save_design(folder, network(1), {"score": 1.0})
    again, record = load_design(folder)
    assert bits(again) == bits(network(1))
    assert "history" not in record
    assert len(list(folder.iterdir())) == 2, "no temporary file is left"


def test_saving_does_not_change_the_network_or_the_record(tmp_path):
    given, record = network(), dict(RECORD)
    save_design(tmp_path, given, record)
    assert bits(given) == bits(network())
    assert record == RECORD


def test_a_folder_without_a_design_is_refused(tmp_path):
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
        (b'{"format": "rlnas-design-2"}', "is not a design of this version"),
        (b'{"format": ["rlnas-design-1"]}', "is not a design of this version"),
    ],
    ids=lambda value: str(value[:20]),
)
def test_a_damaged_or_foreign_record_is_refused(folder, content, message):
    (folder / "design.json").write_bytes(content)
    with pytest.raises(InputError, match=message):
        load_design(folder)


def test_a_record_without_its_network_is_refused(folder):
    (folder / "network.safetensors").unlink()
    with pytest.raises(InputError, match="no network file"):
        load_design(folder)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_a_truncated_network_is_refused(folder, share):
    path = folder / "network.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InputError, match="is damaged"):
        load_design(folder)


def test_a_design_cannot_be_written_below_a_file(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot write"):
        save_design(tmp_path / "file" / "design", network(), RECORD)
    assert (tmp_path / "file").read_text() == "in the way"

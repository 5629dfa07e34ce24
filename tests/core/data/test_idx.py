"""IDX files: where they are looked for and what is refused."""

import gzip
import os
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from rlnas.data import idx
from rlnas.errors import InputError
from tests.core.tiny_idx import CONTENTS, IMAGES, LABELS, OTHER_CONTENTS, SET, store

pytestmark = pytest.mark.usefixtures("cache")

PUBLISHED = idx.SETS


@pytest.mark.parametrize("compress", [False, True])
def test_read_returns_four_arrays_from_plain_and_compressed_files(tmp_path, compress):
    store(tmp_path / "data" / "mnist", compress=compress)
    images, labels, test_images, test_labels = idx.read("mnist", tmp_path / "data")
    assert images.shape == (6, 4)
    assert labels.shape == (6,)
    assert test_images.shape == (3, 4)
    assert test_labels.shape == (3,)
    assert {a.dtype for a in (images, labels, test_images, test_labels)} == {np.dtype(np.uint8)}
    assert images.tobytes() == CONTENTS[IMAGES][16:]
    assert labels.tobytes() == CONTENTS[LABELS][8:]


def test_data_dir_may_hold_the_files_themselves(tmp_path):
    store(tmp_path / "mine")
    assert idx.read("mnist", str(tmp_path / "mine"))[0].shape == (6, 4)


@pytest.mark.parametrize("folder", ["fashion_mnist", "fashion-mnist"])
def test_fashion_mnist_is_found_under_either_spelling(tmp_path, folder):
    store(tmp_path / folder, OTHER_CONTENTS)
    assert idx.read("fashion_mnist", tmp_path)[1].tobytes() == OTHER_CONTENTS[LABELS][8:]


def test_folder_search_order_is_argument_variable_cache_system(tmp_path, cache, monkeypatch):
    system = store(tmp_path / "system")
    monkeypatch.setitem(idx.SETS, "mnist", replace(SET, system_folder=str(system)))
    monkeypatch.setenv("RLNAS_DATA_DIR", str(tmp_path / "variable"))
    cached, variable = cache / "mnist", tmp_path / "variable" / "mnist"
    given = tmp_path / "given"
    found = []
    for folder in (cached, variable, given, given / "mnist"):
        found.append(idx.find(idx.SETS["mnist"], given))
        store(folder)
    found.append(idx.find(idx.SETS["mnist"], given))
    assert found == [system, cached, variable, given, given / "mnist"]


def test_missing_files_are_reported_with_searched_folders_and_command(tmp_path, cache, monkeypatch):
    monkeypatch.setenv("RLNAS_DATA_DIR", str(tmp_path / "variable"))
    store(tmp_path / "variable" / "mnist")
    (tmp_path / "variable" / "mnist" / LABELS).unlink()
    with pytest.raises(InputError, match="`rlnas data fetch mnist`") as caught:
        idx.read("mnist", tmp_path / "given")
    message = str(caught.value)
    assert "\n" not in message
    for folder in (tmp_path / "given" / "mnist", tmp_path / "given", cache / "mnist"):
        assert str(folder) in message
    assert f"{tmp_path / 'variable' / 'mnist'} (lacks {LABELS})" in message


def test_unknown_name_is_refused_with_known_names():
    with pytest.raises(InputError, match=r"'cifar' is not an IDX data set: .*mnist.*fashion_mnist"):
        idx.read("cifar")


def damage(raw: bytes, how: str) -> bytes:
    packed = gzip.compress(raw)
    return {
        "truncated gzip": packed[: len(packed) - 12],
        "gzip with a flipped bit": packed[:-6] + bytes([packed[-6] ^ 1]) + packed[-5:],
        "gzip of garbage": packed[:10] + b"\xff" * 20,
        "empty": b"",
        "a web page": b"<!DOCTYPE html><html></html>",
        "wrong magic": b"\0\0\x0d\x03" + raw[4:],
        "labels": CONTENTS[LABELS],
        "wrong dimensions": raw[:11] + b"\x04" + raw[12:],
        "cut header": raw[:9],
        "cut short": raw[:-1],
        "too long": raw + b"\0",
        "one pixel changed": raw[:-1] + bytes([raw[-1] ^ 1]),
        "the other data set": OTHER_CONTENTS[IMAGES],
    }[how]


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("truncated gzip", "truncated or damaged gzip"),
        ("gzip with a flipped bit", "truncated or damaged gzip"),
        ("gzip of garbage", "truncated or damaged gzip"),
        ("empty", "no IDX file"),
        ("a web page", "no IDX file"),
        ("wrong magic", "no IDX file"),
        ("labels", "no IDX file"),
        ("wrong dimensions", r"has dimensions \[6, 4, 2\], expected \[6, 2, 2\]"),
        ("cut header", "cut short: expected 40 uncompressed bytes"),
        ("cut short", "cut short: expected 40 uncompressed bytes"),
        ("too long", "data after its end"),
        ("one pixel changed", "not the published MNIST file: its SHA-256 differs"),
        ("the other data set", "not the published MNIST file: it belongs to Fashion-MNIST"),
    ],
)
def test_file_that_is_not_the_published_one_is_refused(tmp_path, how, message):
    folder = store(tmp_path / "mnist")
    (folder / IMAGES).write_bytes(damage(CONTENTS[IMAGES], how))
    with pytest.raises(InputError, match=message) as caught:
        idx.read("mnist", tmp_path)
    assert str(folder / IMAGES) in str(caught.value)
    assert "delete it, then run `rlnas data fetch mnist`" in str(caught.value)


def test_gzip_bomb_is_not_inflated(tmp_path):
    folder = store(tmp_path / "mnist")
    (folder / IMAGES).write_bytes(gzip.compress(CONTENTS[IMAGES] + bytes(50_000_000)))
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="data after its end"):
            idx.read("mnist", tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_unreadable_file_is_reported(tmp_path, monkeypatch):
    store(tmp_path / "mnist")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(InputError, match=r"cannot read .*Permission denied"):
        idx.read("mnist", tmp_path)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_real_data_have_the_published_checksums(real_data_dir, monkeypatch, name):
    monkeypatch.setattr(idx, "SETS", PUBLISHED)
    images, labels, test_images, test_labels = idx.read(name, real_data_dir)
    assert images.shape == (60_000, 784)
    assert test_images.shape == (10_000, 784)
    assert set(labels) == set(test_labels) == set(range(10))

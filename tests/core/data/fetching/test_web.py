"""Downloading a file: bounded in size and time, its progress shown where it should be."""

from collections.abc import Iterator
from typing import ClassVar

import pytest
import requests

from rlnas.data.fetching.web import download
from rlnas.errors import InputError


class Response:
    """As much of an answer to ``requests.get`` as a download needs."""

    headers: ClassVar = {"content-length": "8"}

    def raise_for_status(self) -> None:
        pass

    def iter_content(self, chunk_size: int) -> Iterator[bytes]:
        while True:
            yield bytes(chunk_size)


def test_download_without_end_is_cut_off(monkeypatch):
    monkeypatch.setattr("requests.get", lambda url, **_: Response())
    with pytest.raises(InputError, match="more bytes than the file has"):
        download("https://first.invalid/file.gz", 1_000_000)


@pytest.mark.parametrize("progress_bar", [True, False])
def test_download_shows_its_progress_and_has_a_timeout(monkeypatch, capsys, progress_bar):
    def get(url, *, timeout, stream):
        assert url == "https://first.invalid/file.gz"
        assert 0 < timeout <= 30
        assert stream
        return Response()

    monkeypatch.setattr("requests.get", get)
    monkeypatch.setattr(Response, "iter_content", lambda self, chunk_size: [b"1234", b"5678"])
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    got = download("https://first.invalid/file.gz", 8, progress_bar)
    assert got.read() == b"12345678"
    assert ("100%" in capsys.readouterr().err) == progress_bar


def test_download_into_a_log_has_no_bar(monkeypatch, capsys):
    monkeypatch.setattr("requests.get", lambda url, **_: Response())
    monkeypatch.setattr(Response, "iter_content", lambda self, chunk_size: [b"1234", b"5678"])
    assert download("https://first.invalid/file.gz", 8).read() == b"12345678"
    assert capsys.readouterr().err == ""


def test_absent_connection_is_called_so(monkeypatch):
    def get(url, **_):
        raise requests.ConnectTimeout

    monkeypatch.setattr("requests.get", get)
    with pytest.raises(InputError, match="no connection"):
        download("https://first.invalid/file.gz", 8)

"""The UCI tables: what is listed of them, the files that are downloaded, and what is refused."""

import csv
import gzip
import hashlib
import io
import logging
import math
from collections.abc import Iterator
from dataclasses import replace
from unittest import mock

import pytest
import requests

from rlnas.data import download
from rlnas.data.collections import uci, uci_download
from rlnas.data.collections.catalogue import UCI, find
from rlnas.errors import InputError
from tests.core.tiny_idx import names_in, store

PUBLISHED = dict(uci.TABLES)
RAW = {"bike": b"1,-2.50,3e-05\n0,4,-1\n", "yacht": b"7,0.10,2\n8,1,2\n9,9,9\n"}
"""The text of tiny tables as it is in the published files."""

CSV = {name: b"x1,x2,y\n" + text for name, text in RAW.items()}
"""What becomes of them."""

PACKED = {name: gzip.compress(text, mtime=0) for name, text in RAW.items()}
ROOT = "https://raw.githubusercontent.com/treforevans/uci_datasets/"


class Web(dict[str, bytes | BaseException]):
    """What is at each address, and the addresses that were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def download(self, url: str, size: int, progress_bar: bool) -> io.BytesIO:
        self.asked.append(url)
        assert size > 0
        assert not progress_bar  # the tables have one
        answer = self[url]
        if isinstance(answer, BaseException):
            raise answer
        return io.BytesIO(answer)


@pytest.fixture
def web(cache, monkeypatch) -> Iterator[Web]:
    """Tiny tables in place of the published ones, on a web of their own."""
    web, tables = Web(), {}
    for name, packed in PACKED.items():
        tables[name] = uci.UciTable(
            name=name,
            rows=RAW[name].count(b"\n"),
            features=2,
            packed_size=len(packed),
            packed_sha256=hashlib.sha256(packed).hexdigest(),
            sha256=hashlib.sha256(CSV[name]).hexdigest(),
        )
        web[tables[name].address] = packed
    monkeypatch.setattr(uci_download, "download", web.download)
    with mock.patch.dict(uci.TABLES, tables, clear=True):
        yield web


def address(name: str) -> str:
    return uci.TABLES[name].address


def test_tables_follow_from_the_rule():
    assert set(PUBLISHED) == {
        *("airfoil", "bike", "concrete", "elevators", "energy", "forest", "gas", "parkinsons"),
        *("pendulum", "pol", "pumadyn32nm", "skillcraft", "sml", "solar", "stock", "wine", "yacht"),
    }
    assert list(PUBLISHED) == sorted(PUBLISHED)
    assert all(300 <= table.rows <= 20_000 for table in PUBLISHED.values())
    checksums = [each for t in PUBLISHED.values() for each in (t.sha256, t.packed_sha256)]
    assert {len(each) for each in checksums} == {64}
    assert len(set(checksums)) == 2 * len(PUBLISHED)


def test_address_is_that_of_one_commit():
    assert len(uci.COMMIT) == 40
    assert PUBLISHED["gas"].address == f"{ROOT}{uci.COMMIT}/uci_datasets/gas/data.csv.gz"


def test_fetch_writes_every_table_with_a_header_and_every_value_as_it_was(web, cache, caplog):
    with caplog.at_level(logging.INFO, logger="rlnas"):
        assert download.fetch("uci") == cache / "uci"
    assert {path.stem: path.read_bytes() for path in (cache / "uci").iterdir()} == CSV
    assert caplog.messages == [
        "fetching the UCI tables from https://github.com/treforevans/uci_datasets",
        "the 2 UCI tables are complete and verified",
    ]
    assert find("uci:bike") == cache / "uci" / "bike.csv"
    assert UCI.find_folder() == cache / "uci"


def test_only_absent_and_damaged_tables_are_downloaded(web, cache):
    download.fetch("uci")
    (cache / "uci" / "yacht.csv").write_bytes(CSV["bike"])
    with pytest.raises(InputError, match="delete it, then run `rlnas data fetch uci`"):
        find("uci:yacht")
    web.asked.clear()
    download.fetch("uci")
    assert web.asked == [address("yacht")]
    assert find("uci:yacht").read_bytes() == CSV["yacht"]
    web.asked.clear()
    download.fetch("uci")
    assert web.asked == []


def test_absent_table_is_reported_with_what_to_do(web, tmp_path):
    with pytest.raises(InputError, match="uci:bike is not on this computer: run `rlnas data fetch"):
        find("uci:bike", tmp_path)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"<html>log in</html>",
        PACKED["bike"],
        PACKED["yacht"][:-1],
        gzip.compress(b"1,2,3\n", mtime=0),
    ],
)
def test_download_that_is_not_the_published_file_is_refused_and_not_stored(web, cache, sent):
    web[address("yacht")] = sent
    with pytest.raises(InputError, match=r"uci:yacht could not be .* its SHA-256 differs") as told:
        download.fetch("uci")
    assert names_in(cache / "uci") == ["bike.csv"]
    assert "\n" not in str(told.value)


def test_table_with_another_sha256_is_not_stored(web, cache):
    changed = replace(uci.TABLES["bike"], sha256="0" * 64)
    with (
        mock.patch.dict(uci.TABLES, bike=changed),
        pytest.raises(InputError, match="downloaded as bike is not the published table"),
    ):
        download.fetch("uci")
    assert names_in(cache / "uci") == []


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (InputError("no connection"), "no connection"),
        (requests.HTTPError("404 Client\nError"), "404 Client Error"),
        (requests.ReadTimeout("timed out"), "timed out"),
    ],
)
def test_failed_download_is_reported_with_what_to_do_by_hand(web, cache, failure, reason):
    web[address("bike")] = failure
    with pytest.raises(InputError, match=reason) as caught:
        download.fetch("uci")
    message = str(caught.value)
    assert f"get {address('bike')} on another computer, put it into {cache / 'uci'}" in message
    assert "as bike.csv.gz" in message
    assert "\n" not in message
    assert names_in(cache / "uci") == []


def test_published_files_that_were_put_there_by_hand_are_used(web, cache):
    store(cache / "uci", {f"{name}.csv.gz": packed for name, packed in PACKED.items()})
    download.fetch("uci")
    assert web.asked == []
    assert find("uci:yacht").read_bytes() == CSV["yacht"]


def test_other_file_that_was_put_there_by_hand_is_refused(web, cache):
    store(cache / "uci", {"bike.csv.gz": PACKED["yacht"]})
    with pytest.raises(InputError, match=r"bike\.csv\.gz is not the published file"):
        download.fetch("uci")
    assert names_in(cache / "uci") == ["bike.csv.gz"]


def test_interrupted_fetch_is_resumed(web, cache):
    web[address("yacht")] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        download.fetch("uci")
    assert names_in(cache / "uci") == ["bike.csv"]
    with pytest.raises(InputError, match="the UCI collection is not on this computer"):
        UCI.find_folder()
    web[address("yacht")] = PACKED["yacht"]
    download.fetch("uci")
    assert web.asked.count(address("bike")) == 1
    assert names_in(cache / "uci") == ["bike.csv", "yacht.csv"]


@pytest.mark.real_data
def test_published_tables_have_the_sizes_that_are_listed():
    try:
        folder = UCI.find_folder()
    except InputError as error:
        pytest.skip(str(error))
    for name, table in PUBLISHED.items():
        assert find(f"uci:{name}").name == table.file_name
        with open(folder / table.file_name, newline="") as file:
            header, *rows = csv.reader(file)
        assert header == [*(f"x{k}" for k in range(1, table.features + 1)), "y"]
        assert {len(row) for row in rows} == {table.features + 1}
        assert len(rows) == table.rows
        assert all(math.isfinite(float(value)) for row in rows for value in row)

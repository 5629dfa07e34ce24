"""Text tables: every usual form is read cell by cell, everything else is named by file and line."""

import csv
import gzip
import logging
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st

from rlnas.errors import InputError
from rlnas.frames.cells import MISSING
from rlnas.frames.frame import MAX_FEATURES, Frame
from rlnas.frames.text_files import read_text


@pytest.fixture
def read(tmp_path):
    """Reads a file of this content."""

    def read_content(content: str | bytes, name: str = "table.csv") -> Frame:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_text(path)

    return read_content


def cells(frame: Frame) -> dict[str, list[Any]]:
    return {name: column.tolist() for name, column in frame.columns.items()}


# --- cells ---


def test_cells_are_texts_without_blanks_around_them(read):
    frame = read('name, age ,"town"\nAnn ,\t31, "St. Gallen " \n"Bo, jr.",7,"a ""b"" c"\n')
    assert cells(frame) == {
        "name": ["Ann", "Bo, jr."],
        "age": ["31", "7"],
        "town": ["St. Gallen", 'a "b" c'],
    }
    assert all(column.dtype == object for column in frame.columns.values())
    assert frame.named
    assert frame.name == "table"


def test_cells_that_stand_for_a_missing_value_are_none(read):
    rows = "".join(f'"{text}",x{k}\n' for k, text in enumerate(sorted(MISSING)))
    assert cells(read("a,b\n" + rows))["a"] == [None] * len(MISSING)
    kept = ["-", ".", "none", "0", "unknown", "nada", "NAN"]
    assert cells(read("a,b\n" + "".join(f"{text},1\n" for text in kept)))["a"] == kept


def test_missing_values_are_those_of_pandas_and_of_uci_and_keel(tmp_path):
    pandas = pytest.importorskip("pandas")
    texts = [*sorted(MISSING), "-", ".", "--", "none", "missing", "NAN", "Nan", "na"]
    path = tmp_path / "table.csv"
    path.write_text("a,b\n" + "".join(f"{text},1\n" for text in texts))
    theirs = pandas.read_csv(path)["a"].isna() | np.isin(texts, ["?", "<null>"])
    ours = [cell is None for cell in read_text(path).columns["a"]]
    assert ours == theirs.tolist()


def test_many_different_texts_and_few_are_cleaned_alike(read):
    numbers = [f" {k} " if k % 7 else "NA" for k in range(3000)]
    kinds = [f"k{k % 3} " if k % 3 else " ?" for k in range(3000)]
    found = cells(read("a,b\n" + "\n".join(map(",".join, zip(numbers, kinds, strict=True)))))
    assert found["a"] == [str(k) if k % 7 else None for k in range(3000)]
    assert found["b"] == [f"k{k % 3}" if k % 3 else None for k in range(3000)]


def test_equal_categories_share_one_text(read):
    column = read("a,b\n" + "category,1\n" * 500).columns["a"]
    assert len({id(cell) for cell in column}) == 1


# --- lines ---


def test_rows_know_the_lines_in_which_they_begin(read):
    frame = read('a,b\r\n1,2\r\n\r\n  \r\n3,"x\r\n\r\ny"\r\n5,6')
    assert frame.lines.tolist() == [2, 5, 8]
    assert cells(frame) == {"a": ["1", "3", "5"], "b": ["2", "x\r\n\r\ny", "6"]}


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_may_end_as_on_any_system(read, end):
    frame = read(end.join(["a,b", "1,2", "", "3,4", ""]))
    assert cells(frame) == {"a": ["1", "3"], "b": ["2", "4"]}
    assert frame.lines.tolist() == [2, 4]


def test_long_tables_are_put_together_from_their_blocks(read):
    n = 50_000
    frame = read("a,b,c\n" + "".join(f"{k},{k % 5},\n" for k in range(n)))
    assert frame.columns["a"].tolist() == [str(k) for k in range(n)]
    assert frame.columns["b"].tolist() == [str(k % 5) for k in range(n)]
    np.testing.assert_array_equal(frame.lines, np.arange(2, n + 2))


# --- separators ---


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_separator_is_found(read, separator):
    rows = [["a", "b", "c"], ["1", "x", "?"], ["2", "y z", ""]]
    frame = read("\n".join(map(separator.join, rows)), "table.data")
    assert cells(frame) == {"a": ["1", "2"], "b": ["x", "y z"], "c": [None, None]}


@pytest.mark.parametrize(
    ("content", "first"),
    [
        ("a;b\n1,5;2,5\n3,5;4,5\n", ["1,5", "3,5"]),  # decimal commas below a header
        ("1,5;2,5;7,0\n3,5;4,5;8,0\n", ["1,5", "3,5"]),  # and without one
        ("a,b\nx;y,2\nz;w,4\n", ["x;y", "z;w"]),  # semicolons within cells
        ('a,b\n"x;y;z","1;2"\n"w;v;u","3"\n', ["x;y;z", "w;v;u"]),  # within quotes
        ("a|b|c\n1,2|3|4\n5,6|7|8\n", ["1,2", "5,6"]),
        ('a\tb\n"1\t2"\t3\n4\t5\n', ["1\t2", "4"]),
        ('"a,b";c\n1;2\n', ["1"]),
        ("a\n1\n2\n", ["1", "2"]),  # none
        ('a,b\n"x\n;;;\ny",1\n', ["x\n;;;\ny"]),  # within lines of a quoted cell
    ],
)
def test_characters_within_cells_are_not_taken_for_the_separator(read, content, first):
    frame = read(content)
    assert next(iter(frame.columns.values())).tolist() == first


# --- headers ---


@pytest.mark.parametrize(
    ("content", "names"),
    [
        ("a,b\n1,2\n", ["a", "b"]),
        ("a,b\nx,y\n", ["a", "b"]),  # nothing tells; most files have a header
        ("0,1,2\n0.5,2.5,x\n", ["0", "1", "2"]),  # pandas, without names
        (",0,1\n0,2.5,x\n", ["column_1", "0", "1"]),  # and with its index
        ("0,1,kind\n2.5,3.5,x\n", ["0", "1", "kind"]),
        ("1,2,3\n0.5,2.5,7\n", ["1", "2", "3"]),
        ("x1,x2,1st\n1,2,3\n", ["x1", "x2", "1st"]),
        ("nan,inf\n1,2\n", ["nan", "inf"]),  # words, not numbers
        ("sex,town\nm,Bern\nf,Bern\nm,Lyon\n", ["sex", "town"]),
    ],
)
def test_header_is_found(read, content, names):
    frame = read(content)
    assert list(frame.columns) == names
    assert frame.named
    assert frame.lines.tolist()[0] == 2


@pytest.mark.parametrize(
    "content",
    [
        "5.1,3.5,setosa\n4.9,3.0,setosa\n",
        "1,39.1,x\n2,39.5,y\n",
        "-1e-3;x\n2;y\n",
        "1,5;x\n2,5;y\n",
        ".5,x\n.7,y\n",
        "1,Bern,rain\n2,Lyon,sun\n",  # numbered rows
        "x,o,positive\nx,x,negative\no,o,positive\n",  # only categories
        "0,1,0\n1,0,0\n0,1,1\n",  # numbers that count up, and occur below
    ],
)
def test_first_row_of_values_is_no_header(read, content, caplog):
    frame = read(content)
    width = 2 if ";" in content or content.startswith(".5") else 3
    assert list(frame.columns) == [f"column_{k}" for k in range(1, width + 1)]
    assert not frame.named
    assert frame.lines.tolist() == list(range(1, frame.n_rows + 1))
    assert "table.csv has no header: its columns are called column_1" in caplog.text


def test_columns_without_a_name_are_called_by_position(read, caplog):
    frame = read(",a,,\n0,1,2,3\n1,1,2,3\n")
    assert list(frame.columns) == ["column_1", "a", "column_3", "column_4"]
    assert "line 1: columns without a name are called column_1 and 2 more" in caplog.text


# --- encodings ---


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_encoding_is_found_and_a_guess_is_logged(read, encoding, caplog):
    frame = read("Größe,naïve\n1,„é“\n".encode(encoding))
    assert cells(frame) == {"Größe": ["1"], "naïve": ["„é“"]}
    assert ("is not encoded in UTF-8: it is read as cp1252" in caplog.text) is (
        encoding == "cp1252"
    )


def test_bytes_that_are_no_characters_of_windows_are_read_as_latin_1(read, caplog):
    frame = read(b"a,b\n\xe9\x81,2\n")
    assert cells(frame)["a"] == ["é\x81"]
    assert "it is read as latin-1" in caplog.text


def test_compressed_file_reads_as_its_content(read):
    plain = read("a,b\n1,x\n2,?\n")
    packed = read(gzip.compress(b"a,b\n1,x\n2,?\n", mtime=0), "table.csv.gz")
    assert cells(packed) == cells(plain)
    assert packed.name == "table"


def test_nothing_is_logged_about_an_ordinary_file(read, caplog):
    with caplog.at_level(logging.DEBUG, "rlnas"):
        read("a,b\n1,x\n")
    assert caplog.text == ""


# --- size ---


def test_columns_by_the_hundred_thousand_are_read(read):
    n = 100_000
    row = ",".join(map(str, range(5, n + 5)))
    frame = read(",".join(f"x{k}" for k in range(n)) + f"\n{row}\n" * 3)
    assert len(frame.columns) == n
    assert frame.n_rows == 3
    assert set(frame.columns["x99999"]) == {str(n + 4)}


def test_more_columns_than_a_network_takes_are_refused(read):
    with pytest.raises(InputError, match=r"table.csv, line 1 has 1,048,577 columns, expected at"):
        read("," * MAX_FEATURES + "\n")


def test_cell_beyond_the_limit_of_the_csv_module_is_read(read, monkeypatch):
    long = "x" * 300_000
    before = csv.field_size_limit(131_072)
    try:
        assert cells(read(f'a,b\n1,"{long}"\n'))["b"] == [long]
    finally:
        csv.field_size_limit(before)


# --- what is refused ---


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty: expected a table"),
        (b"\n\r\n  \n", "is empty: expected a table"),
        (b"\xef\xbb\xbf", "is empty: expected a table"),
        (b"a,b\n", "has the names of columns but no rows"),
        (b"a,b\n\n\n", "has the names of columns but no rows"),
        (b"a,b\n1,2\n3\n", ", line 3: 1 field, expected 2 as in line 1: quote fields"),
        (
            b"\na,b\n1,2,3\n1,2\n4\n",
            "line 3: 3 fields, expected 2 as in line 2, one of 2 such rows",
        ),
        (b'a,b\n"x\ny"\n1,2\n', r"lines 2 to 3 \(one row, by its quotes\): 1 field, expected 2"),
        (b"a,b,a\n1,2,3\n", "line 1: columns 1 and 3 are both called 'a'"),
        (b",column_1\n1,2\n", "line 1: columns 1 and 2 are both called 'column_1'"),
        (b'a,b\n1,2\n3,"4\n5,6\n', "line 3: a quote is opened and never closed"),
        (b'a,b\n1,2\n"', "line 3: a quote is opened and never closed"),
        (b'"a,b\n1,2\n', "line 1: a quote is opened and never closed"),
        (b"a,b\n1,\x002\n", "is not a text file: expected a table in CSV"),
        (b"a,b\n\xff\x01,2\n", "is not a text file"),
        ("a,b\n1,2\n".encode("utf-16-le"), "is not a text file"),
        (b"\xff\xfea", "is not a text file"),
        (b"PK\x03\x04rest", "is an Excel or zip file: save the table as CSV"),
        (b"\xd0\xcf\x11\xe0rest", "is an Excel file"),
        (b"PAR1rest", "is a Parquet file: let its name end in .parquet"),
        (b"\x1f\x8brest", "is a truncated or damaged gzip file"),
        (gzip.compress(b"a,b\n1,2\n", mtime=0)[:-4], "is a truncated or damaged gzip file"),
    ],
)
def test_file_that_is_no_table_is_refused_in_one_line(read, content, message):
    with pytest.raises(InputError, match=f"table.csv{'.*' + message}") as caught:
        read(content)
    assert "\n" not in str(caught.value)


def test_missing_file_folder_and_pipe_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*none.csv: No such file"):
        read_text(tmp_path / "none.csv")
    with pytest.raises(InputError, match=r"cannot read .*: Is a directory"):
        read_text(tmp_path)
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "pipe.csv")
        with pytest.raises(InputError, match="is a pipe or a device"):
            read_text(tmp_path / "pipe.csv")


# --- round trips ---

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
CELL = TEXT | st.sampled_from(['"', '""', ",", ";", "\t", "|", "\n", "\r\n", " ", "1,5", "x", "NA"])
TABLE = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(CELL, min_size=width, max_size=width), min_size=1, max_size=6)
)


def expected(rows: list[list[str]], names: list[str]) -> dict[str, list[str | None]]:
    """What the cells of a table are read as."""
    stripped = [[cell.strip() for cell in row] for row in rows]
    return {
        name: [None if row[k] in MISSING else row[k] for row in stripped]
        for k, name in enumerate(names)
    }


@pytest.fixture(scope="module")
def path(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("tables") / "table.csv"


@settings(max_examples=150)
@given(
    rows=TABLE,
    separator=st.sampled_from(",;\t|"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
@example(rows=[[""], ["a"]], separator=",", end="\n", encoding="utf-8")
def test_whatever_the_cells_a_quoted_table_is_read_back(path, rows, separator, end, encoding):
    names = [f"name {k}" for k in range(len(rows[0]))]
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, delimiter=separator, lineterminator=end, quoting=csv.QUOTE_ALL)
        writer.writerows([names, *rows])
    assert cells(read_text(path)) == expected(rows, names)


@settings(max_examples=100)
@given(
    rows=TABLE, separator=st.sampled_from(",;\t|"), encoding=st.sampled_from(["utf-8", "utf-16"])
)
def test_what_pandas_writes_is_read_back(path, rows, separator, encoding):
    pandas = pytest.importorskip("pandas")
    names = [f"name {k}" for k in range(len(rows[0]))]
    pandas.DataFrame(rows, columns=names).to_csv(
        path,
        sep=separator,
        encoding=encoding,
        lineterminator="\r\n",  # else it quotes no "\r"
    )
    found = cells(read_text(path))
    assert found.pop("column_1") == [str(k) for k in range(len(rows))]
    assert found == expected(rows, names)


@settings(max_examples=100)
@given(rows=TABLE, separator=st.sampled_from(",;\t|"), bom=st.booleans())
def test_what_polars_writes_is_read_back(path, rows, separator, bom):
    polars = pytest.importorskip("polars")
    names = [f"name {k}" for k in range(len(rows[0]))]
    frame = polars.DataFrame(rows, schema=names, orient="row")
    frame.with_row_index("row").write_csv(path, separator=separator, include_bom=bom)
    found = cells(read_text(path))
    assert found.pop("row") == [str(k) for k in range(len(rows))]
    assert found == expected(rows, names)


@settings(max_examples=300)
@given(st.binary(max_size=60) | st.text('ab1,;\t|"\n\r \0é', max_size=60).map(str.encode))
@example(b"\n \n")
@example(b'a\n"')
def test_any_bytes_are_a_table_or_one_error(path, content):
    path.write_bytes(content)
    try:
        frame = read_text(path)
    except InputError:
        return  # anything else would fail the test
    assert frame.n_rows > 0
    assert {len(column) for column in frame.columns.values()} == {frame.n_rows}
    assert len(frame.lines) == frame.n_rows

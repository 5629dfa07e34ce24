"""Tables in text files: CSV and its relatives, in any usual encoding, with a header or without."""

import codecs
import csv
import gzip
import io
import logging
import re
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rlnas.errors import InputError
from rlnas.files.reading import open_regular
from rlnas.frames.cells import texts
from rlnas.frames.dialect import find_separator, has_header
from rlnas.frames.frame import Frame, check_count, column_names, position_names

Block = tuple[list[list[str]], list[int]]
"""Rows of fields, and the line in which each begins."""

_log = logging.getLogger("rlnas")

_MAX_BYTES = 2**32  # of text; as Python objects, its cells take ten times as much
_BLOCK = 2**16  # cells that are read before they are sorted into columns
_END = "\0"  # a line after the last one, which no text has

_CONTROL = re.compile(rb"[\x01-\x08\x0e-\x1f]")  # characters that no text has
_OTHERS = {  # first bytes of files that are taken for CSV
    b"PK\x03\x04": "an Excel or zip file: save the table as CSV",
    b"\xd0\xcf\x11\xe0": "an Excel file: save the table as CSV",
    b"PAR1": "a Parquet file: let its name end in .parquet",
}


def read_text(path: str | Path) -> Frame:
    r"""Read a table from a text file, which may be compressed with gzip.

    The encoding is UTF-8, or UTF-16 if the file begins with its byte order mark; anything else is
    read as Windows-1252 or Latin-1. Fields are separated by commas, semicolons, tabs or ``|``, see
    `rlnas.frames.dialect.find_separator`. They may be quoted, with ``""`` for a quote, and then
    contain line ends. Empty lines are skipped.

    The first row has the names of the columns, unless it looks like values, see
    `rlnas.frames.dialect.has_header`. Columns without a name, such as the first one where pandas
    writes its index, are called ``column_1`` and so on by their position.

    Blanks around fields are removed. Fields in `rlnas.frames.cells.MISSING` become None.

    Warnings are logged about a guessed encoding, a missing header and missing names.

    Args:
        path: Path of the file.

    Returns:
        The table; every column is object `[rows]` of `str` and None.

    Raises:
        InputError: If the file cannot be read, is no text, has no rows, has rows of different
            lengths, a quote that is never closed, two columns of one name, or too many columns.
    """
    path = Path(path)
    content = _content(path)
    encoding = _encoding(content, path)
    # The limit is one for the whole process, and never lowered, as another thread may be reading.
    csv.field_size_limit(max(csv.field_size_limit(), min(len(content), 2**31 - 1)))
    separator = find_separator(_lines(content, encoding))
    blocks = _blocks(_lines(content, encoding), separator, path)
    first = next(blocks)
    named = has_header(first[0])
    if named:
        names = _names(first[0].pop(0), f"{path}, line {first[1].pop(0)}")
    else:
        names = position_names(len(first[0][0]))
        _log.warning("%s has no header: its columns are called column_1 and so on", path)
    parts: list[list[NDArray[Any]]] = [[] for _ in names]
    lines = []
    for rows, starts in chain([first], blocks):
        if rows:
            lines.append(np.array(starts, np.int64))
            for part, column in zip(parts, zip(*rows, strict=True), strict=True):
                part.append(texts(column))
    if not lines:
        raise InputError(f"{path} has the names of columns but no rows: add rows of values")
    columns = {name: np.concatenate(part) for name, part in zip(names, parts, strict=True)}
    return Frame(_stem(path), columns, named, np.concatenate(lines))


def _stem(path: Path) -> str:
    """The file's name without its suffix, and without the one before .gz."""
    return Path(path.stem).stem if path.suffix.lower() == ".gz" else path.stem


def _content(path: Path) -> bytes:
    """The content of the file, unpacked if it is compressed with gzip."""
    parts = []
    size = 0
    with open_regular(path) as file:
        try:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            with gzip.open(file) if packed else file as stream:
                while part := stream.read(2**22):
                    parts.append(part)
                    size += len(part)
                    if size > _MAX_BYTES:
                        most = f"expected at most {_MAX_BYTES:,} bytes"
                        raise InputError(f"{path} is too large, {most}: give fewer rows")
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise InputError(f"{path} is a truncated or damaged gzip file ({error})") from None
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}") from error
    return b"".join(parts)


def _encoding(content: bytes, path: Path) -> str:
    """Name of the encoding of a text."""
    for beginning, kind in _OTHERS.items():
        if content.startswith(beginning):
            raise InputError(f"{path} is {kind}")
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ["utf-16"] if wide else ["utf-8-sig", "cp1252", "latin-1"]:
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        guessed = encoding in ("cp1252", "latin-1")
        if "\0" in text or (guessed and _CONTROL.search(content)):
            break
        if guessed:
            _log.warning("%s is not encoded in UTF-8: it is read as %s", path, encoding)
        return encoding
    raise InputError(f"{path} is not a text file: expected a table in CSV, encoded in UTF-8")


def _lines(content: bytes, encoding: str) -> Iterable[str]:
    """The lines of the text, each with the line end that it has in the file."""
    return io.TextIOWrapper(io.BytesIO(content), encoding, newline="")


def _blocks(lines: Iterable[str], separator: str, path: Path) -> Iterator[Block]:
    """The rows of the file in blocks of a bounded number of cells, at least one block.

    Raises:
        InputError: If there is no row, rows differ in length, or a quote is never closed.
    """
    reader = csv.reader(chain(lines, [_END]), delimiter=separator, skipinitialspace=True)
    rows: list[list[str]] = []
    starts: list[int] = []
    ragged: list[tuple[int, int, int]] = []  # first and last line, number of fields
    width = first = end = height = 0
    for row in reader:
        start, end = end + 1, reader.line_num
        if not row:
            continue
        if row[-1].endswith(_END):
            break
        if len(row) != width:
            if row == [""]:  # only blanks
                continue
            if width:
                ragged.append((start, end, len(row)))
                continue
            width, first = len(row), start
            check_count(width, f"{path}, line {start}")
            height = max(_BLOCK // width, 10)
        if len(rows) == height:
            yield rows, starts
            rows, starts = [], []
        rows.append(row)
        starts.append(start)
    if ragged:
        raise InputError(_ragged(ragged, width, first, path))
    if row != [_END] or start != end:
        raise InputError(
            f'{path}, line {start}: a quote is opened and never closed: close it, or write "" '
            "for a quote within a quoted field"
        )
    if not rows:
        raise InputError(f"{path} is empty: expected a table with the names of columns and rows")
    yield rows, starts


def _ragged(ragged: list[tuple[int, int, int]], width: int, first: int, path: Path) -> str:
    """What is wrong with rows that differ in length from the first row."""
    start, end, count = ragged[0]
    lines = f"line {start}" if start == end else f"lines {start} to {end} (one row, by its quotes)"
    fields = f"{count} field{'s' * (count > 1)}"
    total = f", one of {len(ragged):,} such rows" if len(ragged) > 1 else ""
    return (
        f"{path}, {lines}: {fields}, expected {width} as in line {first}{total}: "
        "quote fields that contain the separator, and fill rows up"
    )


def _names(fields: list[str], where: str) -> list[str]:
    """The names of the columns.

    Args:
        fields: The fields of the header.
        where: File and line of the header, for messages.
    """
    names = column_names(fields, where)
    if made := [name for name, field in zip(names, fields, strict=True) if not field.strip()]:
        more = f" and {len(made) - 1:,} more" if len(made) > 1 else ""
        _log.warning("%s: columns without a name are called %s%s", where, made[0], more)
    return names

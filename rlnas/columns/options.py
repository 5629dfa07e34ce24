"""`TableOptions`: what a user says about the columns of a table."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, TypedDict

from rlnas.errors import InputError
from rlnas.files.json_schema import TEXT, list_of


class TableRecord(TypedDict, total=False):
    """`TableOptions` as JSON values; what was not said is left out."""

    target: Annotated[str, TEXT]
    drop: Annotated[list[str], list_of(TEXT)]
    categorical: Annotated[list[str], list_of(TEXT)]
    numeric: Annotated[list[str], list_of(TEXT)]
    groups: Annotated[str, TEXT]
    time_column: Annotated[str, TEXT]
    validation_file: Annotated[str, TEXT]
    test_file: Annotated[str, TEXT]


@dataclass(frozen=True)
class TableOptions:
    """What is said about the columns of a table, and about its rows for validation and test.

    Attributes:
        target: Column of the classes; for arrays `(X, y)` None.
        drop: Columns that are not used.
        categorical: Columns of categories, whatever they look like.
        numeric: Columns of numbers; other texts in them count as missing.
        groups: Column of groups: all rows of one are in the same split. It is no feature.
        time_column: Column by which rows are split: the last ones for the test, those before
            them for validation. It is no feature.
        validation_file: Table of the rows for validation.
        test_file: Table of the rows for the test.
    """

    target: str | None = None
    drop: Sequence[str] = ()
    categorical: Sequence[str] = ()
    numeric: Sequence[str] = ()
    groups: str | None = None
    time_column: str | None = None
    validation_file: str | os.PathLike[str] | None = None
    test_file: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        for name in ("drop", "categorical", "numeric"):
            names = getattr(self, name)
            object.__setattr__(self, name, (names,) if isinstance(names, str) else tuple(names))
        for name in ("validation_file", "test_file"):
            path = getattr(self, name)
            if not isinstance(path, str | os.PathLike | None):
                raise InputError(
                    f"{name}: expected the path of a table, not {type(path).__name__}: write it to "
                    "a file, such as a .csv"
                )

    def as_json(self) -> TableRecord:
        """What was said, as JSON values."""
        said = {key: value for key, value in vars(self).items() if value}
        record: TableRecord = {}
        for key, value in said.items():
            record[key] = list(value) if isinstance(value, tuple) else os.fspath(value)  # type: ignore[literal-required]
        return record

    @classmethod
    def from_json(cls, record: TableRecord) -> "TableOptions":
        """The options that `as_json` described."""
        values = {k: tuple(v) if isinstance(v, list) else v for k, v in record.items()}
        return cls(**values)  # type: ignore[arg-type]


NOTHING_SAID = TableOptions()
"""The options where nothing is said about a table."""

"""What commands are told about the columns of a table: options that several of them share."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any

from rlnas.agents.option_types import IN_HELP, Option
from rlnas.columns.options import NOTHING_SAID, TableOptions
from rlnas.errors import InputError

Names = Annotated[tuple[str, ...], IN_HELP]
"""Names of columns."""


@dataclass(frozen=True, kw_only=True)
class TableSettings:
    """Options about the columns of a table; they are those of `TableOptions`."""

    data_dir: Option[Path] = None
    """Folder with IDX files, searched first."""

    target: Option[str] = None
    """Of a table: column of the classes."""
    drop: Names = ()
    """Of a table: columns that are not used."""
    categorical: Names = ()
    """Of a table: columns of categories, whatever they look like."""
    numeric: Names = ()
    """Of a table: columns of numbers; other texts in them count as missing."""
    groups: Option[str] = None
    """Of a table: column of groups, of which each stays in one split. It is no feature."""
    time_column: Option[str] = None
    """Of a table: column by which rows are split, the latest for the test. It is no feature."""
    validation_file: Option[Path] = None
    """Table of the rows for validation; by default some are held out."""
    test_file: Option[Path] = None
    """Table of the rows for the test; by default some are held out."""

    @property
    def options(self) -> TableOptions:
        """The same for the functions that load data."""
        return TableOptions(**self.about_table())

    def about_table(self) -> dict[str, Any]:
        """These options by name."""
        return {each.name: getattr(self, each.name) for each in fields(TableOptions)}

    def with_data(self) -> dict[str, Any]:
        """The other options of a command by name; its option `dataset` is loaded if it is a table.

        Raises:
            InputError: Options about a table are given without one, or it cannot be loaded.
        """
        from rlnas.data import keel
        from rlnas.data.datasets import load_dataset
        from rlnas.frames.reading import is_table_path

        others = {key: value for key, value in vars(self).items() if key not in self.about_table()}
        source = others["dataset"]
        if source is None and self.options != NOTHING_SAID:
            raise InputError("options about columns are given, but no table: name one")
        table = source is not None and (is_table_path(source) or source.startswith(keel.PREFIX))
        if table or self.options != NOTHING_SAID:
            others["dataset"] = load_dataset(source, data_dir=self.data_dir, **self.about_table())
        return others

"""What commands are told about data and what is to be learned: options that several share."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from rlnas.agents.option_types import IN_HELP, Option
from rlnas.columns.options import NOTHING_SAID, TableOptions
from rlnas.errors import InputError

Names = Annotated[tuple[str, ...], IN_HELP, tyro.conf.UseAppendAction]
"""Names of columns or classes: an option is repeated for each, so that it takes nothing else."""


@dataclass(frozen=True, kw_only=True)
class TableSettings:
    """Options about samples and what is to be learned; they are those of `TableOptions`."""

    data_dir: Option[Path] = None
    """Folder with IDX files, searched first."""

    target: Names = ()
    """Of a table: column of the classes, or of numbers to predict; repeated for several columns."""
    drop: Names = ()
    """Of a table: column that is not used; repeated for several."""
    categorical: Names = ()
    """Of a table: column of categories, whatever it looks like; repeated for several."""
    numeric: Names = ()
    """Of a table: column of numbers; other texts in it count as missing; repeated for several."""
    groups: Option[str] = None
    """Of a table: column of groups, of which each stays in one split. It is no feature."""
    time_column: Option[str] = None
    """Of a table: column by which rows are split, the latest for the test. It is no feature."""
    weights: Option[str] = None
    """Of a table: column of the weights of rows. It is no feature."""
    validation_file: Option[Path] = None
    """Table of the rows for validation; by default some are held out."""
    test_file: Option[Path] = None
    """Table of the rows for the test; by default some are held out."""
    task: Option[Literal["classification", "regression"]] = None
    """Tell classes apart, or predict numbers; by default what the target looks like: numbers with
    fractions, or more than 30 different ones, are predicted."""
    metric: Option[str] = None
    """What networks are judged by: accuracy (the default of classification), balanced_accuracy or
    log_loss; of regression r2."""
    loss: Option[Literal["cross_entropy", "squared", "huber"]] = None
    """What is minimised in training; of regression squared (the default), or huber, which resists
    outliers."""
    class_weight: Names = ()
    """Weights of classes: balanced, or CLASS=WEIGHT, repeated for several classes."""

    @property
    def options(self) -> TableOptions:
        """The same for the functions that load data."""
        return TableOptions(**self.about_table())

    def about_table(self) -> dict[str, Any]:
        """These options by name."""
        return {each.name: getattr(self, each.name) for each in fields(TableOptions)}

    def with_data(self) -> dict[str, Any]:
        """The other options of a command by name; its option `dataset` is loaded if it is a file.

        Raises:
            InputError: Options about data are given without any, or they cannot be loaded.
        """
        from rlnas.data.collections.catalogue import collection_of
        from rlnas.data.loading import load_dataset
        from rlnas.frames.reading import is_table_path

        others = {key: value for key, value in vars(self).items() if key not in self.about_table()}
        source = others["dataset"]
        if source is None and self.options != NOTHING_SAID:
            raise InputError("options about data are given, but no data: name a table, or others")
        file = source is not None and (
            is_table_path(source) or collection_of(source) or source.endswith(".npz")
        )
        if file or self.options != NOTHING_SAID:
            others["dataset"] = load_dataset(source, data_dir=self.data_dir, **self.about_table())
        return others

"""What commands of the benchmark say about the family of tasks."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from rlnas.agents.option_types import Option
from rlnas.validation import PlainIntegers

if TYPE_CHECKING:
    from rlnas.family.family_file import Family

Split = Literal["train", "validation", "test"]
"""`rlnas.family.tasks.Split`, without the import of what makes tasks."""


@dataclass(frozen=True, kw_only=True)
class FamilyOption(PlainIntegers):
    """Which tables are used."""

    family: Option[Path] = None
    """File of a family, made by `rlnas benchmark build-family`; by default the one that comes with
    rlnas."""

    def tables(self) -> "Family":
        """The tables.

        Raises:
            InputError: The file cannot be read, or is none of a family of this version.
        """
        from rlnas.family.family_file import load_family

        return load_family(self.family)

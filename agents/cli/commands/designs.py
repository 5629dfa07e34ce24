"""`rlnas designs`."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from rlnas.agents.option_types import Option
from rlnas.errors import InputError
from rlnas.validation import PlainIntegers

if TYPE_CHECKING:
    from rlnas.designs.database import DesignRecord


@dataclass(frozen=True)
class Designs(PlainIntegers):
    """List the best designs that a training has seen."""

    run_dir: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN_DIR")]
    """Run folder of `rlnas train`; a run that is still being written works too."""
    max_weights: Option[int] = None
    """Largest number of active weights of the designs to list."""
    dataset: Option[str] = None
    """Only designs for this data set."""
    limit: int = 10
    """Largest number of designs to list."""
    front: bool = False
    """List the Pareto front of the metric against weights instead, smallest first."""
    save: Option[tuple[int, Path]] = None
    """Write the design of this row of the list, counted from 1, to this folder, instead of listing
    the designs; `rlnas evaluate` and `rlnas export` take it."""
    json: bool = False
    """Print one JSON list of everything known of each design, at full precision."""

    def run(self, shown: bool) -> None:
        """List the designs, or save one of them."""
        from rlnas.designs.database import FILE, DesignDatabase

        if self.limit < 1:
            raise InputError(f"--limit {self.limit}: expected at least 1")
        database = DesignDatabase(self.run_dir / FILE)
        if self.front:
            designs = database.front(self.max_weights, self.dataset)[: self.limit]
        else:
            designs = database.best(self.limit, self.max_weights, self.dataset)
        if self.save is not None:
            self._save(designs, *self.save)
        elif self.json:
            facts = [asdict(design) for design in designs]
            for each in facts:
                del each["start"]  # of use to `--save` alone
            print(json.dumps(facts))
        else:
            print_designs(designs, database.extent()[0])

    def _save(self, designs: "list[DesignRecord]", row: int, folder: Path) -> None:
        from rlnas.agents.designing.recorded_design import save_recorded_design

        if not 1 <= row <= len(designs):
            raise InputError(f"--save {row}: expected a row from 1 to {len(designs)}")
        save_recorded_design(self.run_dir, designs[row - 1], folder)
        print(f"design in {folder}")


def print_designs(designs: "Iterable[DesignRecord]", looks: int) -> None:
    """Print a table with a row for each design, which fits into 80 columns.

    Args:
        designs: records from the database of a run.
        looks: number of designs that the run has evaluated.
    """
    from rich.table import Table

    from rlnas.files.plain_text import plain, plain_console
    from rlnas.nn.architecture import in_words

    table = Table(box=None, pad_edge=False)
    for name in ("step", "penalty", "score", "metric", "weights"):
        table.add_column(name, justify="right", no_wrap=True)
    for name in ("architecture", "data set"):
        table.add_column(name, overflow="fold")
    for design in designs:
        table.add_row(
            f"{design.timestep:,}",
            f"{design.penalty:.3g}",
            f"{design.score:.4f}",
            f"{design.val_metric:.4f}",
            f"{design.active_weights:,}",
            in_words(design.layer_sizes, design.active_weights),
            plain(design.dataset),
        )
    plain_console().print(table)
    print(f"Metric (the accuracy, if no other was chosen), the best of {looks:,} looks at the")
    print("validation samples: on other samples it is lower.")

"""`rlnas report`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from rlnas.agents.option_types import Option


@dataclass(frozen=True)
class Report:
    """Write one HTML page about a run or a design; a run may still be in progress."""

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER")]
    """Folder made by `rlnas train` or `rlnas design`."""
    out: Option[Path] = None
    """File to write; by default report.html in that folder."""
    data_dir: Option[Path] = None
    """Folder with IDX files, searched first."""

    def run(self, shown: bool) -> None:
        """Write the page and say where it is."""
        from rlnas.agents.reports.report import write_report

        print(f"report in {write_report(self.folder, self.out, data_dir=self.data_dir)}")

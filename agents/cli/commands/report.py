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
    """Folder made by `rlnas train` or `rlnas design`. Of a training that has ended, an episode is
    filmed."""
    out: Option[Path] = None
    """File to write; by default report.html in that folder."""
    data_dir: Option[Path] = None
    """Folder with IDX files, searched first."""

    def run(self, shown: bool) -> None:
        """Write the page and say where it is."""
        from rlnas.agents.reports.report import report_file, write_report

        report_file(self.folder, self.out)  # before a film is made in vain
        self._film(shown)
        print(f"report in {write_report(self.folder, self.out, data_dir=self.data_dir)}")

    def _film(self, shown: bool) -> None:
        """Film an episode of a training that has ended, unless that was done."""
        from rlnas.agents.policies.run_folder import ENDED
        from rlnas.agents.reports.film import FILM, film
        from rlnas.errors import InputError

        made, ended = self.folder / FILM, self.folder / ENDED
        if not ended.is_file() or (made.is_file() and made.stat().st_mtime > ended.stat().st_mtime):
            return
        try:
            film(self.folder, made, data_dir=self.data_dir, progress_bar=shown)
        except InputError as error:
            print(f"no film of an episode: {error}")

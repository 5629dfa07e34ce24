"""`rlnas benchmark scoreboard`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro


@dataclass(frozen=True)
class BenchmarkScoreboard:
    """Put all results on the same tasks into one table: scores, gaps that are closed, axes.

    Results of the same policy, trained with several seeds, are one entry.
    """

    results: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RESULT...")]
    """JSON files of `rlnas benchmark evaluate` or `rlnas benchmark rivals`."""
    out: Path
    """Folder for scoreboard.csv, scoreboard.md and scoreboard.png, a heat map of the axes."""

    def run(self, shown: bool) -> None:
        """Write the scoreboard, and print it."""
        from rlnas.agents.benchmark.report import heat_map
        from rlnas.agents.benchmark.scoreboard import as_csv, as_markdown, entries
        from rlnas.agents.benchmark.submission import read_submission
        from rlnas.files.atomic import make_folder, replace_file
        from rlnas.files.reading import sha256_of

        board = entries(
            {str(path): read_submission(path) for path in self.results},
            {str(path): sha256_of(path) for path in self.results},
        )
        make_folder(self.out)
        text = as_markdown(board)
        replace_file(self.out / "scoreboard.csv", as_csv(board).encode())
        replace_file(self.out / "scoreboard.md", f"{text}\n".encode())
        picture = heat_map({name: entry.result for name, entry in board.items()})
        replace_file(self.out / "scoreboard.png", picture)
        print(text)

"""`rlnas benchmark compare`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from rlnas.validation import check_suffix


@dataclass(frozen=True)
class BenchmarkCompare:
    """Compare results on the same tasks: scores, differences, wins, ties and losses, axes.

    What the results say is not checked: `rlnas benchmark check` does that.
    """

    results: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="RESULT...")]
    """JSON files of `rlnas benchmark evaluate`; their names, without .json, are those shown."""
    out: Path
    """Markdown file (.md), with a heat map beside it, or the heat map alone (.png)."""

    def run(self, shown: bool) -> None:
        """Compare, then print the tables."""
        from rlnas.agents.benchmark.report import comparison, heat_map
        from rlnas.agents.benchmark.submission import read_submission
        from rlnas.errors import InputError
        from rlnas.files.atomic import replace_file

        check_suffix("--out", self.out, ".md", ".png")
        if not self.results:
            raise InputError("nothing to compare: name results of `rlnas benchmark evaluate`")
        names = [path.stem for path in self.results]
        if twice := [name for name in names if names.count(name) > 1]:
            raise InputError(f"two results are called '{twice[0]}': rename one of them")
        results = {path.stem: read_submission(path) for path in self.results}
        text = comparison(results)
        picture = self.out.with_suffix(".png")
        replace_file(picture, heat_map(results))
        if self.out.suffix == ".md":
            replace_file(self.out, f"{text}\n\n![Scores by axis]({picture.name})\n".encode())
        print(text)

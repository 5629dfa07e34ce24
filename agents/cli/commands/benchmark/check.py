"""`rlnas benchmark check`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from rlnas.agents.option_types import Option


@dataclass(frozen=True)
class BenchmarkCheck:
    """Check a result: play every episode again from its actions, and compare what it gives."""

    result: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RESULT")]
    """JSON file of `rlnas benchmark evaluate`."""
    family: Option[Path] = None
    """File of the family that it was made with; by default the one that comes with rlnas."""

    def run(self, shown: bool) -> None:
        """Check, then print the scores."""
        from rlnas.agents.benchmark.checking import check
        from rlnas.agents.benchmark.report import summary
        from rlnas.agents.benchmark.submission import read_submission
        from rlnas.family.family_file import load_family

        result = read_submission(self.result)
        check(result, load_family(self.family))
        print(f"{self.result} is valid: {summary(result)}")

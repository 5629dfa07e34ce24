"""`rlnas benchmark evaluate`."""

from dataclasses import dataclass
from pathlib import Path

from rlnas.agents.cli.family_option import FamilyOption, Split
from rlnas.validation import check_suffix


@dataclass(frozen=True)
class BenchmarkEvaluate(FamilyOption):
    """Evaluate a policy on the family of tasks by the protocol of the benchmark.

    The result is a file that `rlnas benchmark check` checks, with a plot beside it.
    """

    policy: str
    """Name of a rival (such as random); run folder with a policy for the family; sb3:FILE.zip, a
    model of Stable-Baselines3, which may run any code that is in it; python:MODULE:NAME, a function
    of an observation and a mask, or a player."""
    out: Path
    """JSON file of the result."""
    split: Split = "validation"
    """Tasks to evaluate on: choose between policies on validation, and report the test once."""
    seed: int = 0
    """Seed of what is random about a rival."""
    name: str = ""
    """What the policy is called; by default as it is given."""
    by: str = ""
    """Whose it is."""
    note: str = ""
    """How it was made: what was tuned on what, with how much training."""

    def run(self, shown: bool) -> None:
        """Evaluate, then print the scores."""
        from rlnas.agents.benchmark.entrants import player_named
        from rlnas.agents.benchmark.evaluating import evaluate
        from rlnas.agents.benchmark.protocol import Protocol
        from rlnas.agents.benchmark.report import axes_plot, axes_table, summary
        from rlnas.agents.benchmark.submission import About, write_submission
        from rlnas.agents.config import check_seed
        from rlnas.files.atomic import replace_file

        check_seed(self.seed)
        check_suffix("--out", self.out, ".json")
        player = player_named(self.policy, self.seed)
        about = About(self.name or self.policy, self.by, self.note)
        result = evaluate(player, self.tables(), about, Protocol(self.split), shown)
        picture = self.out.with_suffix(".png")
        write_submission(self.out, result)
        replace_file(picture, axes_plot(result))
        print(axes_table(result))
        print(summary(result))
        print(f"result in {self.out}, plot in {picture}")

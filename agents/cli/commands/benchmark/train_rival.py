"""`rlnas benchmark train-rival`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rlnas.agents.cli.family_option import FamilyOption


@dataclass(frozen=True)
class BenchmarkTrainRival(FamilyOption):
    """Train a rival that learns, on the training tasks of the family.

    The same command again continues an unfinished training. Evaluate it with
    `rlnas benchmark evaluate --policy FOLDER`, or `--policy sb3:FILE.zip`.
    """

    out: Path
    """Folder for the policy, which holds plain data; or file of Stable-Baselines3, FILE.zip, as it
    must be for recurrent ones."""
    kind: Literal["seeing", "blind", "recurrent"] = "seeing"
    """MaskablePPO; the same that sees penalty, budget and number of steps alone; RecurrentPPO."""
    steps: int = 4_000_000
    """Number of steps: 20,000 to 30,000 a second on one processor, recurrent ones a tenth."""
    seed: int = 0
    """Seed of everything random."""

    def run(self, shown: bool) -> None:
        """Train, and say where the policy is."""
        from rlnas.agents.benchmark.rivals.learned import train_rival
        from rlnas.agents.config import check_seed

        check_seed(self.seed)
        train_rival(self.tables(), self.kind, self.out, self.steps, self.seed, progress_bar=shown)
        print(f"policy in {self.out}")

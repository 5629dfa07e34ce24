"""How long the trials of a search take, so that none begins that would end too late."""

from dataclasses import dataclass, field
from time import perf_counter

from rlnas.agents.designing.finish import BRIEF_BATCHES, final_batches
from rlnas.agents.designing.search.trials import LINEAR, RELATIVE, Trial
from rlnas.data.dataset import Dataset
from rlnas.errors import InputError

SLACK = 1.3
"""How much longer than those before a trial or a training may take without ending too late."""


@dataclass
class Pace:
    """How long trials and trainings take, and whether another trial would end too late.

    Attributes:
        data: The data set.
        seconds: Time for everything; None for any.
        began: When the search began.
        taken: The trials so far.
    """

    data: Dataset
    seconds: float | None
    began: float = field(default_factory=perf_counter)
    taken: list[Trial] = field(default_factory=list)

    @property
    def passed(self) -> float:
        """Seconds since the search began."""
        return perf_counter() - self.began

    def final(self, networks: int) -> float:
        """Seconds that the final training of some networks is going to take."""
        brief = max((trial.brief_seconds for trial in self.taken), default=0.0)
        return SLACK * networks * brief * final_batches(self.data) / BRIEF_BATCHES

    def of_trial(self, start: str) -> float:
        """Seconds that a trial with a start is going to take."""
        like = [trial.seconds for trial in self.taken if trial.recipe.start == start]
        episodes = [trial for trial in self.taken if trial.recipe.start != LINEAR] or self.taken
        paces = (trial.seconds / RELATIVE[trial.recipe.start] for trial in episodes)
        return SLACK * max(like, default=RELATIVE[start] * max(paces, default=0.0))

    def allows(self, start: str, networks: int) -> bool:
        """Whether there is time for another trial, and for the final training after it."""
        if self.seconds is None:
            return True
        needed = self.passed + self.of_trial(start) + self.final(networks + 1)
        return needed <= self.seconds

    def check(self, needed: float) -> None:
        """Raise `InputError` if the time has passed before a first episode was over.

        Args:
            needed: Seconds that it needs, as far as is known.
        """
        if self.seconds is not None and self.passed + self.final(1) > self.seconds:
            raise InputError(
                f"--time {self.seconds:g} is too short for one episode and the final training on "
                f"data set '{self.data.name}': give at least {max(needed, self.passed):.1g}s"
            )

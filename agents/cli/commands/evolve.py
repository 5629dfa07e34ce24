"""`rlnas evolve`."""

from dataclasses import dataclass

from rlnas.agents.config import EvolveConfig


@dataclass(frozen=True)
class Evolve(EvolveConfig):
    """Evolve one fixed sequence of edits for all episodes, the rival of a policy that observes."""

    def run(self, shown: bool) -> None:
        """Evolve, then say where the sequence is."""
        from rlnas.agents.search.evolve import evolve

        print(f"edit sequence in {evolve(EvolveConfig(**vars(self)), shown)}")

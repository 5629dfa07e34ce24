"""`rlnas film`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from rlnas.agents.option_types import DATASET, Option
from rlnas.agents.table_settings import TableSettings
from rlnas.validation import PlainIntegers


@dataclass(frozen=True)
class Film(TableSettings, PlainIntegers):
    """Film an episode: the network being edited, its accuracy and its weights, as a GIF."""

    dataset: Annotated[str | None, tyro.conf.Positional, DATASET] = None
    """Table (.csv, .tsv, .parquet), name of a data set, or .npz file of arrays X and y; by default
    what the policy was trained on, of several the first."""
    policy: Option[Path] = None
    """Run folder of `rlnas train`; by default the policy that comes with rlnas, with --budget the
    one for episodes with a budget."""
    out: Path = Path("film.gif")
    """File to write."""
    seed: int = 0
    """Seed of the episode."""
    penalty: Option[float] = None
    """Price of the reference number of weights, in accuracy; by default as in the training."""
    budget: Option[float] = None
    """Budget of the episode in units of training cost; by default as in the training."""

    def run(self, shown: bool) -> None:
        """Play an episode, film it, and say where the film is."""
        from rlnas.agents.reports.film import film

        print(f"film in {film(**self.with_data(), progress_bar=shown)}")

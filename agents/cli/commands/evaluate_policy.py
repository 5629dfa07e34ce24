"""`rlnas evaluate-policy`."""

import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from rlnas.agents.option_types import DATASET, Option
from rlnas.agents.table_settings import TableSettings
from rlnas.validation import PlainIntegers


@dataclass(frozen=True)
class EvaluatePolicy(TableSettings, PlainIntegers):
    """Compare a trained policy with random legal actions over fresh episodes."""

    dataset: Annotated[str | None, tyro.conf.Positional, DATASET] = None
    """Table (.csv, .tsv, .parquet), name of a data set, or .npz file of arrays X and y; by default
    what the policy was trained on."""
    policy: Option[Path] = None
    """Run folder of `rlnas train`; by default the policy that comes with rlnas, with --budget the
    one for episodes with a budget."""
    episodes: int = 10
    """Number of episodes of each policy, on the same seeds."""
    seed: int = 10_000
    """Seed of the first episode; training uses seeds near its own, far from this one."""
    penalty: Option[float] = None
    """Price of the reference number of weights, in accuracy; by default as in the training."""
    budget: Option[float] = None
    """Budget of the episodes in units of training cost; by default as in the training."""

    def run(self, shown: bool) -> None:
        """Play the episodes and print the scores."""
        from rlnas.agents.designing.design import evaluate_policy

        for measure, scores in evaluate_policy(**self.with_data(), progress_bar=shown).items():
            print_scores(measure, scores)


def print_scores(measure: str, scores: dict[str, list[float]]) -> None:
    """Print means with standard errors, and how far apart they are.

    Args:
        measure: name of the measure.
        scores: its values for the policies `trained` and `random`.
    """
    means, errors = {}, {}
    for name, values in scores.items():
        means[name] = statistics.mean(values)
        errors[name] = statistics.stdev(values) / len(values) ** 0.5
        print(
            f"{name:<8} mean {measure} {means[name]:.4f} +/- {errors[name]:.4f} (standard error), "
            f"{len(values)} episodes, {min(values):.4f} to {max(values):.4f}"
        )
    difference = means["trained"] - means["random"]
    error = (errors["trained"] ** 2 + errors["random"] ** 2) ** 0.5
    apart = f", {difference / error:.1f} standard errors" if error > 0 else ""
    print(f"difference {difference:+.4f}{apart}")

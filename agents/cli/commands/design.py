"""`rlnas design`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from rlnas.agents.cli.printing import print_details, told_task
from rlnas.agents.option_types import DATASET, Option
from rlnas.agents.table_settings import TableSettings
from rlnas.objective import shown_metric, shown_value
from rlnas.validation import PlainIntegers


@dataclass(frozen=True)
class Design(TableSettings, PlainIntegers):
    """Design a network with a trained policy, train it to the end, and test it once.

    Where a linear network does better on the validation samples, it is the design.
    """

    dataset: Annotated[str | None, tyro.conf.Positional, DATASET] = None
    """Table (.csv, .tsv, .parquet), name of a data set, or .npz file of arrays X and y; by default
    the first data set that the policy was trained on."""
    policy: Option[Path] = None
    """Run folder of `rlnas train`; by default the policy that comes with rlnas, with --cost or
    --time the one for episodes with a budget."""
    out: Option[Path] = None
    """Folder for the design; by default designs/<dataset>-<seed>."""
    seed: int = 0
    """Seed of the episode and of the final training."""
    penalty: Option[float] = None
    """Price of the reference number of weights, in units of the metric; by default the price of the
    training, or the middle of its range. A higher price asks for fewer weights, but one episode is
    one noisy search and may still end with more (docs/price.md)."""
    cost: Option[float] = None
    """Training cost that the episode may spend; 1 pays for an episode of a fixed number of steps on
    small data with the reference network. The final training comes on top."""
    time: Option[float] = None
    """The same in seconds: the cost that they pay for is measured, so that the design depends on
    the machine and on what else it does."""
    thorough: bool = False
    """Start from 300 dense neurons, make 40 edits, and train for an epoch after each: better
    designs in about ten times the time."""

    def run(self, shown: bool) -> None:
        """Design, then print the design beside the network that its episode began with."""
        from rlnas.agents.cli.printing import print_columns
        from rlnas.agents.designing.design import design
        from rlnas.data.datasets import Dataset

        arguments = self.with_data()
        if shown and isinstance(arguments["dataset"], Dataset):
            print_columns(arguments["dataset"], most=40)
        made = design(**arguments, progress_bar=shown)
        print_design(made.record, made.folder)


def print_design(record: dict[str, Any], folder: Path) -> None:
    """Print a table of a design beside the network that its episode began with.

    Args:
        record: content of `design.json`.
        folder: folder of the design.
    """
    from rich.table import Table

    from rlnas.agents.designing.finish import LINEAR_WAS_BETTER
    from rlnas.agents.designing.spending import spending_facts
    from rlnas.files.plain_text import plain, plain_console
    from rlnas.nn.architecture import in_words

    initial = record["initial"]
    table = Table(title=plain(f"Design for {record['dataset']}"))
    for name in ("", "initial", "final"):
        table.add_column(name)

    def row(name: str, key: str, form: str) -> None:
        before, after = (
            form.format(side[key]) if key in side else "" for side in (initial, record)
        )
        table.add_row(name, before, after)

    name = record["objective"]["metric"]
    shown = shown_metric(name)

    for side in (initial, record):
        for key in ("val_metric", "test_metric"):
            if key in side:
                side[f"{key}_shown"] = shown_value(name, side[key])
        side["architecture"] = in_words(side["layer_sizes"], side["active_weights"])
        if side["active_weights"]:
            side["densities"] = ", ".join(f"{density:.1%}" for density in side["layer_densities"])
    row("architecture", "architecture", "{}")
    row("density per layer", "densities", "{}")
    row("active weights", "active_weights", "{:,}")
    row(f"validation {shown}, before the final training", "val_metric_shown", "{}")
    row("score, before the final training", "score", "{:.4f}")
    row(f"test {shown}", "test_metric_shown", "{}")
    if name != "accuracy" and "test_accuracy" in record:
        row("test accuracy", "test_accuracy", "{:.2%}")
    row("test loss", "test_loss", "{:.4f}")
    if "test_accuracy" in record:
        row("balanced accuracy (test)", "balanced_accuracy", "{:.2%}")
        row("expected calibration error (test)", "calibration_error", "{:.2%}")
    if "temperature" in record:
        row("temperature of the logits", "temperature", "{:.2f}")
    for name, fact in spending_facts(record["budget"]).items() if "budget" in record else ():
        table.add_row(name, "", fact)
    plain_console().print(table)
    print(f"task: {told_task(record['objective']['task'], record['task_reason'])}")
    if record["linear"]:
        print(f"the design is {LINEAR_WAS_BETTER}")
    if "seconds" in record.get("budget", ()):
        print(
            f"{record['budget']['seconds']:g} seconds became a cost of "
            f"{record['budget']['units']:.3g}; on another machine they may become another, and "
            f"another design: repeat this one with --cost {record['budget']['units']!r}"
        )
    print_details(record)
    print(f"design in {folder}")

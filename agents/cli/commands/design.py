"""`rlnas design`."""

from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from rlnas.agents.cli.printing import print_details, told_task
from rlnas.agents.option_types import DATASET, Option
from rlnas.agents.table_settings import TableSettings
from rlnas.objective import by_weights, shown_metric, shown_value
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
    """Run folder of `rlnas train`; by default the policy that comes with rlnas, with --cost the one
    for episodes with a budget."""
    out: Option[Path] = None
    """Folder for the design; by default designs/<dataset>-<seed>."""
    seed: int = 0
    """Seed of the episodes and of the final training."""
    max_weights: Option[int] = None
    """Most active weights. This and the next five options ask for a search: many episodes, of which
    the best design within the limits is taken."""
    max_bytes: Option[int] = None
    """Most bytes of flash for the constants of the C code: weights, indices, scales and biases."""
    max_ram: Option[int] = None
    """Most bytes of RAM for the arrays of the C code, features included."""
    min_accuracy: Option[float] = None
    """Least accuracy in validation, from 0 to 1, or value of the metric that is asked for: the
    smallest network that reaches it is wanted, at any price, so not with --penalty."""
    time: Option[str] = None
    """Time for the search and the final training, such as 5, 60s, 2m or 1h: more time, a better
    design. How many trials there is time for depends on the machine."""
    trials: Option[int] = None
    """Number of trials of the search instead of a time: the same design on any machine; by default
    24 with a limit."""
    format: Option[Literal["c", "c-int8", "c-int"]] = None
    """Format of `rlnas export` that --max-bytes and --max-ram are about; by default c-int8."""
    jobs: int = -1
    """Number of workers of a search, which has no influence on its result; -1 for one per
    processor."""
    penalty: Option[float] = None
    """Price of the reference number of weights, in units of the metric; by default the price of the
    training, or the middle of its range, in a search 0.002. A higher price asks for fewer weights,
    but one episode is one noisy search and may still end with more (docs/price.md)."""
    cost: Option[float] = None
    """Training cost that the episode may spend; 1 pays for an episode of a fixed number of steps on
    small data with the reference network. The final training comes on top."""
    thorough: bool = False
    """Start from 300 dense neurons, make 40 edits, and train for an epoch after each: better
    designs in about ten times the time."""

    def run(self, shown: bool) -> None:
        """Design, then print the design beside the network that its episode began with."""
        from rlnas.agents.cli.printing import print_columns
        from rlnas.agents.designing.design import design, usual_folder, wishes
        from rlnas.agents.designing.search.limits import Asked
        from rlnas.data.dataset import Dataset

        said = {key: getattr(self, key) for key in signature(wishes).parameters if key != "options"}
        limits = {key: getattr(self, key) for key in signature(Asked.of).parameters}
        if self.out is None and self.dataset is not None:
            said["out"] = usual_folder(self.dataset, self.seed)
        wishes(**said, **limits)
        arguments = self.with_data()
        columns = shown and isinstance(arguments["dataset"], Dataset)
        told = columns and print_columns(arguments["dataset"], most=40)
        made = design(**arguments, progress_bar=shown)
        try:
            print_design(made.record, made.folder, with_task=not told)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"interrupted, but the design in {made.folder} is complete"
            ) from None
        if made.record.get("search", {}).get("interrupted"):
            raise KeyboardInterrupt("interrupted: the design is the best so far")


def print_design(record: dict[str, Any], folder: Path, with_task: bool = True) -> None:
    """Print a table of a design, beside the network that its episode began with if there is one.

    Args:
        record: Content of `design.json`.
        folder: Folder of the design.
        with_task: Tell the task, if it was not told before.
    """
    from rich.table import Table

    from rlnas.agents.designing.finish import LINEAR_WAS_BETTER
    from rlnas.agents.designing.needs import needs_of
    from rlnas.agents.designing.search.facts import how_to_repeat, search_facts
    from rlnas.agents.designing.spending import spending_facts
    from rlnas.designs.saved import load_design
    from rlnas.files.plain_text import plain, plain_console
    from rlnas.nn.architecture import in_words

    sides = {"initial": record["initial"]} if "initial" in record else {}
    sides["final"] = record
    table = Table(title=plain(f"Design for {record['dataset']}"))
    for name in ("", *sides):
        table.add_column(name)

    def row(name: str, key: str, form: str) -> None:
        shown = (form.format(side[key]) if key in side else "" for side in sides.values())
        table.add_row(name, *shown)

    name = record["objective"]["metric"]
    shown = shown_metric(name)
    for side in sides.values():
        for key in ("val_metric", "test_metric"):
            if key in side:
                side[f"{key}_shown"] = shown_value(name, side[key])
        side["architecture"] = in_words(side["layer_sizes"], side["active_weights"])
        if side["active_weights"]:
            side["densities"] = ", ".join(f"{density:.1%}" for density in side["layer_densities"])
    row("architecture", "architecture", "{}")
    row("density per layer", "densities", "{}")
    row("active weights", "active_weights", "{:,}")
    by, plainly = by_weights(record)
    row(f"validation {shown}{by}, before the final training", "val_metric_shown", "{}")
    row("score, before the final training", "score", "{:.4f}")
    row(f"test {shown}{by}", "test_metric_shown", "{}")
    if "test_accuracy" in record and (name != "accuracy" or by):
        row(f"test accuracy{plainly}", "test_accuracy", "{:.2%}")
    row(f"test loss{by}", "test_loss", "{:.4f}")
    if "test_accuracy" in record:
        if name != "balanced_accuracy" or by:
            row(f"balanced accuracy (test){plainly}", "balanced_accuracy", "{:.2%}")
        row(f"expected calibration error (test){plainly}", "calibration_error", "{:.2%}")
    if "temperature" in record:
        row("temperature of the logits", "temperature", "{:.2f}")
    facts = spending_facts(record["budget"]) if "budget" in record else {}
    if "search" in record:
        facts |= search_facts(record["search"])
    facts |= needs_of(load_design(folder))
    for fact, told in facts.items():
        table.add_row(fact, *[""] * (len(sides) - 1), told)
    plain_console().print(table)
    if with_task:
        print(f"task: {told_task(record['objective']['task'], record['task_reason'])}")
    if record["linear"]:
        print(f"the design is {LINEAR_WAS_BETTER}")
    if "search" in record:
        print(how_to_repeat(record["search"]))
    print_details(record)
    print(f"design in {folder}")

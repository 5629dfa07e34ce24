"""`rlnas evaluate`."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from rlnas.agents.cli.printing import print_details
from rlnas.agents.option_types import DATASET, Option


@dataclass(frozen=True)
class Evaluate:
    """Test a design: on the held-out samples of its own data, or on all samples of other data."""

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DESIGN")]
    """Folder made by `rlnas design`."""
    dataset: Annotated[str | None, tyro.conf.Positional, DATASET] = None
    """Table (.csv, .tsv, .parquet), name of a data set, or .npz file of arrays X and y; by default
    the data that the design was made with."""
    json: bool = False
    """Print one JSON object."""
    data_dir: Option[Path] = None
    """Folder with IDX files, searched first."""

    def run(self, shown: bool) -> None:
        """Test the design and print the results."""
        from rlnas.agents.designing.evaluation import evaluate_design

        result = evaluate_design(self.folder, self.dataset, data_dir=self.data_dir)
        if self.json:
            print(json.dumps(result))
        else:
            print_evaluation(result)


def print_evaluation(result: dict[str, Any]) -> None:
    """Print what `rlnas.agents.designing.evaluation.evaluate_design` returns."""
    from rlnas.files.plain_text import plain
    from rlnas.objective import by_weights, shown_metric, shown_value

    print(f"{result['samples']:,} samples ({plain(result['data'])})")
    name = result["metric"]
    by, plainly = by_weights(result)
    lines = {}
    if "test_accuracy" in result:
        lines[f"test accuracy{plainly}"] = f"{result['test_accuracy']:.2%}"
    if name != "accuracy" or by:
        lines[f"test {shown_metric(name)}{by}"] = shown_value(name, result["test_metric"])
    lines[f"test loss{by}"] = f"{result['test_loss']:.4f}"
    if "test_accuracy" in result:
        if name != "balanced_accuracy" or by:
            lines[f"balanced accuracy{plainly}"] = f"{result['balanced_accuracy']:.2%}"
        lines[f"calibration error{plainly}"] = f"{result['calibration_error']:.2%}"
    lines["active weights"] = f"{result['active_weights']:,}"
    width = max(17, *map(len, lines))
    for what, value in lines.items():
        print(f"{what:<{width}}  {value}")
    print_details(result)

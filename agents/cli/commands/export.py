"""`rlnas export`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from rlnas.agents.option_types import Option


@dataclass(frozen=True)
class Export:
    """Write a design in a form that runs elsewhere, on raw features."""

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DESIGN")]
    """Folder made by `rlnas design`."""
    format: Literal["c", "c-int", "c-int8", "npz", "onnx", "safetensors", "torch"]
    """C99 code with float32 weights, with int8 weights (c-int8), or with integers only (c-int),
    sparse arrays (docs/export.md), ONNX, or a program of torch.export."""
    name: Option[str] = None
    """Name of the files and C symbols, so that several networks can be in one program; by default
    after the data set."""
    out: Option[Path] = None
    """Folder for the export; by default a folder in that of the design, named after the format."""
    dataset: Option[str] = None
    """Name, or .npz file of arrays X and y, to measure the accuracy of the export on; by default
    the data that the design was made with."""
    data_dir: Option[Path] = None
    """Folder with IDX files, searched first."""

    def run(self, shown: bool) -> None:
        """Export the design, then print what was written, its accuracy and its size."""
        from rlnas.agents.designing.evaluation import export_design
        from rlnas.objective import by_weights

        made = export_design(
            self.folder,
            self.format,
            self.out,
            name=self.name,
            dataset=self.dataset,
            data_dir=self.data_dir,
        )
        print(f"{', '.join(made.facts['files'])} in {made.folder}")
        _, plainly = by_weights(made.facts)
        if "test_accuracy" in made.facts:
            print(f"test accuracy{plainly} {made.facts['test_accuracy']:.2%}")
        if "test_r2" in made.facts:
            print(f"test R²{plainly} {made.facts['test_r2']:.4f}")
        if "flash" in made.facts:
            flash, ram = made.facts["flash"], made.facts["ram"]
            print(f"{flash:,} bytes of constants, {ram:,} bytes of RAM")

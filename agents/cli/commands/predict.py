"""`rlnas predict`."""

import csv
import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from rlnas.agents.option_types import Option


@dataclass(frozen=True)
class Predict:
    """Predict classes or numbers of new rows with a design, as CSV: one line for each row."""

    folder: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="DESIGN")]
    """Folder made by `rlnas design`."""
    rows: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="ROWS")]
    """Table (.csv, .tsv, .parquet) with the columns that the design was made for, in any order;
    others are not used. For a design that was made for arrays, an .npz file with X."""
    out: Option[Path] = None
    """File for the predictions, which must not exist; by default they are printed."""
    proba: bool = False
    """Add the probability of each class."""

    def run(self, shown: bool) -> None:
        """Predict, and print or write the predictions."""
        from rlnas.designs.prediction import predict_samples
        from rlnas.designs.saved import load_design
        from rlnas.errors import InputError
        from rlnas.files.atomic import replace_file

        if self.out is not None and self.out.exists():
            raise InputError(f"{self.out} exists: choose another file")
        design = load_design(self.folder)
        encoding, targets = design.preprocessing.encoding, design.preprocessing.targets
        if self.proba and targets is not None:
            raise InputError("--proba: the design predicts numbers, which have no probabilities")
        found = predict_samples(design, _samples(self.rows))
        names = design.preprocessing.class_names if self.proba else ()
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        if targets is not None:
            writer.writerow(targets.names)
            writer.writerows([f"{value:.7g}" for value in row] for row in found.values)
        else:
            (target,) = (encoding.targets if encoding else ()) or ("class",)
            writer.writerow([target, *(f"probability of {name}" for name in names)])
            for name, shares in zip(found.classes, found.probabilities, strict=True):
                writer.writerow([name, *(f"{share:.6f}" for share in shares[: len(names)])])
        count = len(found.classes) or len(found.values)
        if self.out is None:
            sys.stdout.write(stream.getvalue())
        else:
            replace_file(self.out, stream.getvalue().encode())
            print(f"{count:,} predictions in {self.out}")


def _samples(rows: str) -> object:
    """The array X of an .npz file; other paths as they are."""
    from rlnas.data.npz import read_arrays
    from rlnas.errors import InputError
    from rlnas.files.reading import open_regular

    if not rows.endswith(".npz"):
        return rows
    with open_regular(Path(rows)) as stream:
        try:
            arrays = read_arrays(stream, ["X"])
        except ValueError as error:
            raise InputError(f"{rows} is damaged or no .npz file of arrays: {error}") from None
    if "X" not in arrays:
        raise InputError(f"{rows} has no array X: save the samples as X")
    return arrays["X"]

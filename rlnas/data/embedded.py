"""The data sets in scikit-learn's package, read from its files: importing it would take 1 s."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Embedded(NamedTuple):
    """A data set in scikit-learn's package.

    Attributes:
        file: Name of its CSV file, in which the last column has the labels.
        header: Number of lines before the first sample.
        class_names: Name of each class.
        feature_names: Name of each feature; None if the features are pixels.
    """

    file: str
    header: int
    class_names: tuple[str, ...]
    feature_names: tuple[str, ...] | None


_WINE = """
alcohol malic_acid ash alcalinity_of_ash magnesium total_phenols flavanoids nonflavanoid_phenols
proanthocyanins color_intensity hue od280/od315_of_diluted_wines proline
"""
_NUCLEUS = (
    *("radius", "texture", "perimeter", "area", "smoothness", "compactness", "concavity"),
    *("concave points", "symmetry", "fractal dimension"),
)
_MEASURES = ("mean {}", "{} error", "worst {}")

EMBEDDED = {
    "digits": Embedded("digits.csv.gz", 0, tuple("0123456789"), None),
    "wine": Embedded("wine_data.csv", 1, ("class_0", "class_1", "class_2"), tuple(_WINE.split())),
    "breast_cancer": Embedded(
        "breast_cancer.csv",
        1,
        ("malignant", "benign"),
        tuple(measure.format(name) for measure in _MEASURES for name in _NUCLEUS),
    ),
}
"""The data sets by name."""


def read_samples(data: Embedded) -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Read a data set.

    Returns:
        The features `[samples, features]`, uint8 if they are pixels, otherwise float64; and the
        labels `[samples]`.
    """
    package = find_spec("sklearn")  # does not import it
    assert package is not None
    assert package.origin is not None
    path = Path(package.origin).parent / "datasets" / "data" / data.file
    table = np.loadtxt(path, delimiter=",", skiprows=data.header)
    features = table[:, :-1].astype(np.uint8 if data.feature_names is None else np.float64)
    return features, table[:, -1].astype(np.intp)

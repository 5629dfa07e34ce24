"""Predicting with a design: from raw samples to probabilities of classes, or to numbers."""

import logging
import os
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rlnas.columns.kinds import code_for
from rlnas.data.arrays import check_features, column_names
from rlnas.data.preprocessing import Preprocessing
from rlnas.designs.saved import SavedDesign
from rlnas.errors import InputError
from rlnas.frames.reading import read_frame
from rlnas.nn.network import EMA, SparseNetwork
from rlnas.nn.scipy_forward import forward
from rlnas.nn.training import softmax

_log = logging.getLogger("rlnas")
_AT_ONCE = 4096  # samples
_SHOWN = 3  # features that a warning names


class Prediction(NamedTuple):
    """What a design predicts for some samples.

    Attributes:
        classes: The name of the most probable class of each sample, str `[samples]`; `[0]` if
            numbers are predicted.
        probabilities: Probabilities of the classes, float32 `[samples, n_classes]`; rows add up to
            1.
        values: The numbers that are predicted, float64 `[samples, targets]`; `[0, 0]` for classes.
    """

    classes: NDArray[np.str_]
    probabilities: NDArray[np.float32]
    values: NDArray[np.float64]


def predict_samples(design: SavedDesign, samples: Any) -> Prediction:
    """Predict the classes of samples, or numbers in the units of the data.

    Args:
        design: The design.
        samples: For a design that was made for a table, the path of a table or a data frame with
            the columns that it was made for, in any order and perhaps with others, or an array of
            all of its columns in their order; otherwise an array or a data frame of numbers
            `[samples, n_features]`.

    Raises:
        InputError: If a column is missing, or a value cannot be used.
    """
    preprocessing = design.preprocessing
    raw = raw_samples(samples, preprocessing)
    warn_of_far(preprocessing, raw)
    if preprocessing.targets is not None:
        nothing = np.zeros(0, np.str_), np.zeros((0, 0), np.float32)
        return Prediction(*nothing, numbers(design.network, preprocessing, raw))
    found = probabilities(design.network, preprocessing, raw)
    names = np.array(preprocessing.class_names)
    return Prediction(names[found.argmax(axis=1)], found, np.zeros((0, 0)))


def warn_of_far(preprocessing: Preprocessing, raw: NDArray[Any]) -> None:
    """Log which features have ranges far from those of the training samples.

    Args:
        preprocessing: That of the design.
        raw: Raw samples, `[samples, n_columns]`; at least one.
    """
    if far := preprocessing.far_columns(raw):
        more = f"; and {len(far) - _SHOWN} more" if len(far) > _SHOWN else ""
        _log.warning(
            "%d of %d features have ranges far from those of training (%s%s): have they the same "
            "units?", len(far), preprocessing.n_features, "; ".join(far[:_SHOWN]), more
        )  # fmt: skip


def raw_samples(samples: Any, preprocessing: Preprocessing) -> NDArray[Any]:
    """Samples as a preprocessing takes them: codes of a table, or features.

    Args:
        samples: See `predict_samples`.
        preprocessing: That of the design.

    Returns:
        uint8 or float64 `[samples, n_columns]`.

    Raises:
        InputError: If a column is missing, or a value cannot be used.
    """
    encoding = preprocessing.encoding
    if encoding is not None:
        return code_for(read_frame(samples), encoding)
    if isinstance(samples, str | os.PathLike):
        raise InputError(
            f"the design was made for arrays, not for tables such as {samples}: give an array, on "
            "the command line as X in an .npz file"
        )
    raw = check_features(samples)
    preprocessing.check_names(column_names(samples))
    if raw.shape[1] != preprocessing.n_features:
        raise InputError(
            f"X has {raw.shape[1]} features, the design reads {preprocessing.n_features}"
        )
    return raw


def probabilities(
    network: SparseNetwork, preprocessing: Preprocessing, raw: NDArray[Any]
) -> NDArray[np.float32]:
    """Probabilities of the classes: the softmax of the outputs of the averaged network.

    Args:
        network: The network.
        preprocessing: Makes its inputs of raw samples.
        raw: Result of `raw_samples`.

    Returns:
        float32 `[samples, n_classes]`.
    """
    return softmax(_outputs(network, preprocessing, raw))


def numbers(
    network: SparseNetwork, preprocessing: Preprocessing, raw: NDArray[Any]
) -> NDArray[np.float64]:
    """Predicted numbers in the units of the data, float64 `[samples, targets]`.

    Args:
        network: The network, which predicts numbers.
        preprocessing: Makes its inputs of raw samples.
        raw: Result of `raw_samples`.
    """
    targets = preprocessing.targets
    assert targets is not None
    return targets.in_units(_outputs(network, preprocessing, raw))


def _outputs(
    network: SparseNetwork, preprocessing: Preprocessing, raw: NDArray[Any]
) -> NDArray[np.float32]:
    """Outputs of the averaged network, float32 `[samples, outputs]`."""
    weights, biases = network.connections[EMA], network.units[EMA]
    found = np.empty((len(raw), network.n_outputs), np.float32)
    for start in range(0, len(raw), _AT_ONCE):
        rows = slice(start, start + _AT_ONCE)
        inputs = preprocessing.standardized(raw[rows]).T
        units = forward(
            network.layer_sizes, network.indptr, network.indices, weights, biases, inputs
        )
        found[rows] = units[-network.n_outputs :].T
    return found

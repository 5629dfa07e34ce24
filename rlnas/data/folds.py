"""Folds: the training and validation samples of a data set, divided anew."""

from dataclasses import replace

import numpy as np

from rlnas.data.dataset import Dataset

JUDGED = 1000
"""Number of samples that designs are judged on, if the data set has as many."""

_SEED = 0


def folds(data: Dataset) -> list[Dataset]:
    """Data sets with the same samples, of which each keeps others for validation.

    The first is the data set itself. In the others, parts of its training samples are for
    validation, stratified by class, each about as many as its own validation samples. There are no
    more than are needed to judge `JUDGED` samples. If which samples are for validation is given
    (by a table of them, by groups or by time), there is only the first.

    Args:
        data: The data set; its test samples stay as they are.
    """
    wanted = -(-JUDGED // data.validation.size)
    about = data.source.get("options", {})
    if wanted == 1 or any(about.get(name) for name in ("groups", "time_column", "validation_file")):
        return [data]
    rng = np.random.default_rng(_SEED)
    shuffled = rng.permutation(data.train)
    by_class = shuffled
    if data.task == "classification":
        by_class = shuffled[np.argsort(data.labels[shuffled], kind="stable")]
    n_parts = max(2, round(data.train.size / data.validation.size))
    part = np.arange(by_class.size) % n_parts
    return [data, *(_with_validation(data, by_class[part == k], rng) for k in range(n_parts))][
        :wanted
    ]


def _with_validation(data: Dataset, held: np.ndarray, rng: np.random.Generator) -> Dataset:
    """The data set with some of its training samples for validation, and the rest for training."""
    known = np.concatenate([data.train, data.validation])
    rest = rng.permutation(np.setdiff1d(known, held))
    return replace(data, train=rest.astype(np.int32), validation=np.sort(held).astype(np.int32))

"""The tables of the study: which ones, what they come from, and other splits of their rows."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from rlnas.data.collections import keel
from rlnas.data.collections.catalogue import KEEL
from rlnas.data.raw_data import RawData
from rlnas.data.sources import read
from rlnas.errors import InputError


def tables_of(split: keel.Split) -> tuple[str, ...]:
    """The sources of all KEEL tables in a split.

    Raises:
        InputError: The split is unknown.
    """
    return tuple(KEEL.prefix + name for name in keel.names(split))


def origin_of(source: str) -> str:
    """The original data that a table was made from; any other source is its own origin."""
    return keel.base(source.removeprefix(KEEL.prefix)) if is_keel(source) else source


def is_keel(source: str) -> bool:
    """Whether a source is a KEEL table."""
    return source.startswith(KEEL.prefix)


def reordered(raw: RawData, seed: int) -> RawData:
    """The same samples in another order, which `rlnas.data.preparing.prepare` splits differently.

    Args:
        raw: The samples; those that were given for validation or the test stay where they are.
        seed: Seed of the order; 0 for the order as it is.
    """
    if seed == 0:
        return raw
    n_given = len(raw.features) - raw.n_validation - raw.n_test
    order = np.arange(len(raw.features))
    order[:n_given] = np.random.default_rng(seed).permutation(n_given)
    return raw.chosen(order)


@lru_cache(maxsize=2)
def samples_of(source: str, samples: str, data_dir: Path | None) -> RawData:
    """A table with the samples of a given SHA-256, which a worker reads once for many jobs.

    Raises:
        InputError: It cannot be read, or has other samples.
    """
    raw = read(source, data_dir)
    if raw.sha256 != samples:
        raise InputError(f"{source} was changed in the meantime: give the same command again")
    return raw

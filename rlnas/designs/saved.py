"""A design on disk: its network, its preprocessing, and what is known about it, in one folder."""

import platform
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple, cast

from rlnas.data.preprocessing import Preprocessing
from rlnas.designs.record import SCHEMA, SavedRecord
from rlnas.errors import InputError
from rlnas.files.json_files import read_json, write_json
from rlnas.files.json_schema import check_schema
from rlnas.nn.network import SparseNetwork

FORMAT = "rlnas-design-3"
_BEFORE = ("rlnas-design-1", "rlnas-design-2")

NETWORK, PREPROCESSING, RECORD = "network.safetensors", "preprocessing.json", "design.json"
"""The files of a design."""


class SavedDesign(NamedTuple):
    """A design, complete in itself: raw features in, classes or numbers out.

    Attributes:
        network: The network, which reads standardized features.
        preprocessing: How the data that it was designed for are standardized.
        record: What is known about the design.
    """

    network: SparseNetwork
    preprocessing: Preprocessing
    record: SavedRecord


def save_design(
    folder: str | Path,
    network: SparseNetwork,
    preprocessing: Preprocessing,
    record: Mapping[str, object],
) -> None:
    """Write a design; one that is in the folder is replaced.

    Args:
        folder: Folder of the design; it is created if it does not exist.
        network: The network.
        preprocessing: How the data that it was designed for are standardized.
        record: What is known about the design, see `SavedRecord`; versions and hashes are added.

    Raises:
        InputError: If the record lacks a fact or has one of another form, or a file cannot be
            written.
    """
    folder = Path(folder)
    facts = {"format": FORMAT, **record, "versions": versions()}
    digests = dict.fromkeys((NETWORK, PREPROCESSING), "0" * 64)  # until the files are written
    try:
        check_schema({**facts, "files_sha256": digests}, SCHEMA)
    except ValueError as error:
        raise InputError(f"the record of a design cannot be saved: {error}") from error
    network.save(folder / NETWORK)
    write_json(folder / PREPROCESSING, preprocessing.as_json())
    write_json(folder / RECORD, {**facts, "files_sha256": _digests(folder)})


def load_design(folder: str | Path) -> SavedDesign:
    """Read what `save_design` wrote.

    Raises:
        InputError: If the folder is no design, it was written by an earlier version, a file is
            damaged, or the files do not belong together.
    """
    folder = Path(folder)
    if not (folder / RECORD).is_file():
        raise InputError(f"{folder} holds no design: expected a folder made by `rlnas design`")
    record = read_json(folder / RECORD)
    if not isinstance(record, dict) or record.get("format") not in (FORMAT, *_BEFORE):
        raise InputError(f"{folder / RECORD} is not a design of this version of rlnas")
    if record["format"] in _BEFORE:
        raise InputError(
            f"{folder} was written by an earlier version of rlnas: it does not say what its "
            f"outputs mean, so that its network cannot be used; {_made_anew(record)}"
        )
    try:
        check_schema(record, SCHEMA)
    except ValueError as error:
        raise InputError(f"{folder / RECORD} is damaged: {error}") from error
    network = SparseNetwork.load(folder / NETWORK)
    if not (folder / PREPROCESSING).is_file():
        raise InputError(f"{folder} lacks {PREPROCESSING}: it is no whole design, make it anew")
    try:
        preprocessing = Preprocessing.from_json(read_json(folder / PREPROCESSING))
    except InputError as error:
        raise InputError(f"{folder / PREPROCESSING} is damaged: {error}") from error
    if record.get("files_sha256") != _digests(folder):
        raise InputError(
            f"the files of {folder} do not belong together: one was changed or is from another "
            "design, make it anew"
        )
    sizes = preprocessing.n_features, preprocessing.n_outputs
    if sizes != (network.n_inputs, network.n_outputs):
        raise InputError(f"the files of {folder} do not belong together: their sizes differ")
    return SavedDesign(network, preprocessing, cast("SavedRecord", record))


def versions() -> dict[str, str]:
    """Versions of the software that the bits of a result depend on, by package."""
    names = ("rlnas", "numpy", "numba")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def _digests(folder: Path) -> dict[str, str]:
    files = (NETWORK, PREPROCESSING)
    return {name: sha256((folder / name).read_bytes()).hexdigest() for name in files}


def _made_anew(record: dict[str, Any]) -> str:
    known = [f"--{name} {record[name]}" for name in ("penalty", "seed") if name in record]
    return " ".join(["make it anew: `rlnas design` with the same data,", *known])

"""A design on disk: its network, its preprocessing, and what is known of it, in one folder."""

import platform
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from rlnas.data.preprocessing import Preprocessing
from rlnas.errors import InputError
from rlnas.files import json_schema
from rlnas.files.json_files import read_json, write_json
from rlnas.nn.network import SparseNetwork

FORMAT = "rlnas-design-2"
_BEFORE = "rlnas-design-1"

NETWORK, PREPROCESSING, RECORD = "network.safetensors", "preprocessing.json", "design.json"
"""The files of a design."""

_KNOWN = {
    "dataset": json_schema.TEXT,
    "penalty": json_schema.POSITIVE,
    "score": json_schema.NUMBER,
    "val_accuracy": json_schema.SHARE,
    "val_loss": json_schema.POSITIVE,
    "test_accuracy": json_schema.SHARE,
    "test_loss": json_schema.POSITIVE,
    "active_weights": json_schema.WHOLE,
    "density": json_schema.SHARE,
    "layer_sizes": json_schema.list_of(json_schema.COUNT),
    "layer_densities": json_schema.list_of(json_schema.SHARE),
    "action": json_schema.TEXT,
    "applied": json_schema.FLAG,
}
_STEP = json_schema.partial_record(**_KNOWN)
_DIGEST: json_schema.Schema = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
_SOURCE = json_schema.partial_record(
    name=json_schema.TEXT,
    path=json_schema.TEXT,
    absolute=json_schema.TEXT,
    arrays=json_schema.list_of(json_schema.COUNT, 2),
)
_RECALLS: json_schema.Schema = {
    "type": "object",
    "additionalProperties": {**json_schema.SHARE, "type": ["number", "null"]},
}
_RECORD: json_schema.Schema = {
    **json_schema.partial_record(
        **_KNOWN,
        initial=_STEP,
        history=json_schema.list_of(_STEP),
        source={**_SOURCE, "additionalProperties": False},
        samples_sha256=_DIGEST,
        split_sha256=_DIGEST,
        reference=json_schema.COUNT,
        seed=json_schema.WHOLE,
        policy=json_schema.record(name=json_schema.TEXT, sha256=_DIGEST),
        thorough=json_schema.FLAG,
        created=json_schema.TEXT,
        batches=json_schema.record(episode=json_schema.WHOLE, all=json_schema.WHOLE),
        balanced_accuracy=json_schema.SHARE,
        majority_accuracy=json_schema.SHARE,
        recalls=_RECALLS,
        looks=json_schema.COUNT,
        looks_at=json_schema.COUNT,
        versions={"type": "object", "additionalProperties": json_schema.TEXT},
    ),
    "required": ["dataset", "source", "samples_sha256", "split_sha256"],
}


class SavedDesign(NamedTuple):
    """A design, complete in itself: raw features in, classes out.

    Attributes:
        network: reads standardized features.
        preprocessing: of the data that it was designed for.
        record: what is known of it, JSON values.
    """

    network: SparseNetwork
    preprocessing: Preprocessing
    record: dict[str, Any]


def save_design(
    folder: str | Path,
    network: SparseNetwork,
    preprocessing: Preprocessing,
    record: dict[str, Any],
) -> None:
    """Write a design.

    Args:
        folder: made if it does not exist.
        network: the network.
        preprocessing: of the data that it was designed for.
        record: JSON values.
    """
    folder = Path(folder)
    network.save(folder / NETWORK)
    write_json(folder / PREPROCESSING, preprocessing.as_json())
    facts = {"versions": versions(), "files_sha256": _digests(folder)}
    write_json(folder / RECORD, {"format": FORMAT, **record, **facts})


def load_design(folder: str | Path) -> SavedDesign:
    """Read what `save_design` wrote.

    Raises:
        InputError: the folder is no design, it was written by an earlier version, a file is
            damaged, or the files do not belong together. Of the record, what is there is checked;
            only the origin of the data has to be there.
    """
    folder = Path(folder)
    if not (folder / RECORD).is_file():
        raise InputError(f"{folder} holds no design: expected a folder made by `rlnas design`")
    record = read_json(folder / RECORD)
    if not isinstance(record, dict) or record.get("format") not in (FORMAT, _BEFORE):
        raise InputError(f"{folder / RECORD} is not a design of this version of rlnas")
    if record["format"] == _BEFORE:
        raise InputError(
            f"{folder} was written by an earlier version of rlnas: it lacks the means, scales and "
            f"names of its features, so that its network cannot be used; {_made_anew(record)}"
        )
    try:
        json_schema.check_schema(record, _RECORD)
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
    sizes = preprocessing.n_features, preprocessing.n_classes
    if sizes != (network.n_inputs, network.n_outputs):
        raise InputError(f"the files of {folder} do not belong together: their sizes differ")
    return SavedDesign(network, preprocessing, record)


def versions() -> dict[str, str]:
    """What the bits of a result depend on."""
    names = ("rlnas", "numpy", "numba", "torch")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}


def _digests(folder: Path) -> dict[str, str]:
    files = (NETWORK, PREPROCESSING)
    return {name: sha256((folder / name).read_bytes()).hexdigest() for name in files}


def _made_anew(record: dict[str, Any]) -> str:
    known = [f"--{name} {record[name]}" for name in ("penalty", "seed") if name in record]
    return " ".join(["make it anew: `rlnas design` with the same --dataset,", *known])

"""A design on disk: `network.safetensors` and `design.json` in one folder."""

from pathlib import Path
from typing import Any

from rlnas.errors import InputError
from rlnas.files import read_json, write_json
from rlnas.network import SparseNetwork

FORMAT = "rlnas-design-1"


def save_design(folder: str | Path, network: SparseNetwork, record: dict[str, Any]) -> None:
    """Write a network and what is known of it.

    Args:
        folder: made if it does not exist.
        network: the network.
        record: JSON values.
    """
    network.save(Path(folder) / "network.safetensors")
    write_json(Path(folder) / "design.json", {"format": FORMAT, **record})


def load_design(folder: str | Path) -> tuple[SparseNetwork, dict[str, Any]]:
    """Read what `save_design` wrote.

    Raises:
        InputError: the folder is no design, or a file is damaged.
    """
    folder = Path(folder)
    if not (folder / "design.json").is_file():
        raise InputError(f"{folder} holds no design: expected a folder made by `rlnas design`")
    record = read_json(folder / "design.json")
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise InputError(f"{folder / 'design.json'} is not a design of this version of rlnas")
    return SparseNetwork.load(folder / "network.safetensors"), record

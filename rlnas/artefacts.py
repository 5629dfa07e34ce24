"""A design on disk: `network.safetensors` and `design.json` in one folder."""

from pathlib import Path
from typing import Any

from rlnas import forms
from rlnas.errors import InputError
from rlnas.files import read_json, write_json
from rlnas.network import SparseNetwork

FORMAT = "rlnas-design-1"

_KNOWN = {
    "dataset": forms.TEXT,
    "penalty": forms.POSITIVE,
    "score": forms.NUMBER,
    "val_accuracy": forms.SHARE,
    "val_loss": forms.POSITIVE,
    "test_accuracy": forms.SHARE,
    "test_loss": forms.POSITIVE,
    "active_weights": forms.WHOLE,
    "density": forms.SHARE,
    "layer_sizes": forms.list_of(forms.COUNT),
    "layer_densities": forms.list_of(forms.SHARE),
    "action": forms.TEXT,
    "applied": forms.FLAG,
}
_STEP = forms.partial_record(**_KNOWN)
_RECORD = forms.partial_record(**_KNOWN, initial=_STEP, history=forms.list_of(_STEP))


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
        InputError: the folder is no design, or a file is damaged. Of the record, what is there of
            accuracies, sizes and the like is checked; nothing need be there.
    """
    folder = Path(folder)
    if not (folder / "design.json").is_file():
        raise InputError(f"{folder} holds no design: expected a folder made by `rlnas design`")
    record = read_json(folder / "design.json")
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise InputError(f"{folder / 'design.json'} is not a design of this version of rlnas")
    try:
        forms.check_form(record, _RECORD)
    except ValueError as error:
        raise InputError(f"{folder / 'design.json'} is damaged: {error}") from error
    return SparseNetwork.load(folder / "network.safetensors"), record

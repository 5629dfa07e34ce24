"""Checkpoints: all that a training needs to go on to the same bits, in one file without pickle.

A checkpoint is taken between an update of the policy and the next rollout. The file is a line with
the SHA-256 of the rest, then safetensors, with what is no array as JSON in its header.
"""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save
from stable_baselines3.common.callbacks import BaseCallback

from rlnas.agents.training.state import TrainingState, take
from rlnas.errors import InputError
from rlnas.files.atomic import replace_file
from rlnas.files.typed import Damaged

FOLDER = "checkpoints"
KEPT = 3
"""The last ones; a damaged one falls back to the one before."""

_FORMAT = "rlnas-checkpoint-3"


class Checkpoint(NamedTuple):
    """A moment of a training.

    Attributes:
        state: of the training itself.
        logs: how far its logs are, JSON values.
    """

    state: TrainingState
    logs: Any


class Paused(KeyboardInterrupt):
    """A training was asked to stop, and can be resumed."""


class Checkpoints(BaseCallback):
    """Keep a checkpoint before every rollout, and stop there if asked to.

    Args:
        run: the run folder.
        logs: gives how far the logs are.
        stop: whether to stop.
    """

    def __init__(self, run: Path, logs: Callable[[], Any], stop: Callable[[], bool]):
        super().__init__()
        self.run, self.logs, self.stop = run, logs, stop

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        if not (self.run / "config.json").is_file():
            raise InputError(f"{self.run} was removed while it was trained in: train again")
        write(Checkpoint(take(self.model), self.logs()), self.run)
        if self.stop():
            raise Paused(f"stopped; go on with: rlnas train --resume {self.run}")


def write(checkpoint: Checkpoint, run: Path) -> None:
    """Keep a checkpoint in a run folder, with a few before it and none of a time after it."""
    (arrays, facts), logs = checkpoint
    header = {"format": _FORMAT, "facts": facts, "logs": logs}
    # NumPy's arrays and numbers become lists and numbers.
    text = json.dumps(header, default=lambda value: value.tolist(), allow_nan=False)
    # safetensors takes the memory of an array as it lies there, whatever its strides.
    ordered = {name: np.asarray(value, order="C") for name, value in arrays.items()}
    content = save(ordered, metadata={"checkpoint": text})
    path = run / FOLDER / f"{checkpoint.state.timesteps:012}.checkpoint"
    replace_file(path, sha256(content).hexdigest().encode() + b"\n" + content)
    paths = checkpoints(run)
    end = paths.index(path) + 1
    for other in paths[: max(0, end - KEPT)] + paths[end:]:
        other.unlink()


def checkpoints(run: Path) -> list[Path]:
    """The checkpoints in a run folder, the last one at the end."""
    return sorted((run / FOLDER).glob("*.checkpoint"))


def read(path: Path) -> Checkpoint:
    """Read what `write` wrote; what it says is still to be checked.

    Raises:
        Damaged: something else is there.
    """
    try:
        digest, _, content = path.read_bytes().partition(b"\n")
    except OSError as error:
        raise Damaged(f"it cannot be read: {error.strerror}") from error
    if sha256(content).hexdigest().encode() != digest:
        raise Damaged("its checksum is another")
    try:
        arrays = load(content)
        length = int.from_bytes(content[:8], "little")
        header = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["checkpoint"])
        version, facts, logs = header["format"], header["facts"], header["logs"]
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Damaged(f"it cannot be read: {error!r}") from error
    if version != _FORMAT:
        raise Damaged("it is of another version of rlnas")
    return Checkpoint(TrainingState(arrays, facts), logs)

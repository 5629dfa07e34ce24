"""Checkpoints: everything that a training needs to resume to the same bits, without pickle.

A checkpoint is written between an update of the policy and the next rollout, and after the last
update, so that a training that has ended can be extended. The file is a line
with the SHA-256 of the rest, then safetensors: arrays under the name `section/name`, all other
values of the sections as JSON in its header.
"""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm

from rlnas.agents.training.state import Arrays, State
from rlnas.errors import InputError
from rlnas.files.atomic import replace_file
from rlnas.files.typed import Damaged, fields, mapping, shown

FOLDER = "checkpoints"
MAX_CHECKPOINTS = 3
"""Number of checkpoints in a run folder; a damaged one falls back to the one before."""

_FORMAT = "rlnas-checkpoint-4"


class Checkpoints(BaseCallback):
    """Write a checkpoint before every rollout and at the end, and stop after Ctrl-C.

    Args:
        run: the run folder.
        state: returns the state of the training.
        pressed: returns how often Ctrl-C was pressed.
    """

    model: OnPolicyAlgorithm

    def __init__(self, run: Path, state: Callable[[], State], pressed: Callable[[], int]):
        super().__init__()
        self.run, self.state, self.pressed = run, state, pressed

    def _on_step(self) -> bool:
        if self.pressed() > 1:  # and the exception was lost
            raise KeyboardInterrupt
        return True

    def _on_rollout_start(self) -> None:
        self._write()
        if self.pressed():
            raise KeyboardInterrupt

    def _on_training_end(self) -> None:
        if self.num_timesteps % (self.model.n_steps * self.model.n_envs) == 0:
            self._write()  # else a callback has ended the training in a rollout

    def _write(self) -> None:
        if not (self.run / "config.json").is_file():
            raise InputError(f"{self.run} was removed while it was trained in: train again")
        write(self.state(), self.run)


def write(state: State, run: Path) -> None:
    """Write a checkpoint to a run folder.

    Later ones are removed, and of those before all but `MAX_CHECKPOINTS` with this one.
    """
    arrays: Arrays = {}
    values: State = {}
    for section, entries in state.items():
        values[section] = {}
        for name, value in entries.items():
            if isinstance(value, np.ndarray):
                # safetensors takes the memory of an array as it lies there, whatever its strides.
                arrays[f"{section}/{name}"] = np.asarray(value, order="C")
            else:
                values[section][name] = value
    header = {"format": _FORMAT, "values": values}
    # NumPy's arrays and numbers become lists and numbers.
    text = json.dumps(header, default=lambda value: value.tolist(), allow_nan=False)
    content = save(arrays, metadata={"checkpoint": text})
    path = run / FOLDER / f"{state['counters']['timesteps']:012}.checkpoint"
    replace_file(path, sha256(content).hexdigest().encode() + b"\n" + content)
    paths = checkpoints(run)
    end = paths.index(path) + 1
    for other in paths[: max(0, end - MAX_CHECKPOINTS)] + paths[end:]:
        other.unlink()


def checkpoints(run: Path) -> list[Path]:
    """The checkpoints in a run folder, the last one at the end."""
    return sorted((run / FOLDER).glob("*.checkpoint"))


def read(path: Path) -> State:
    """Read what `write` wrote; the values are still to be checked.

    Raises:
        Damaged: the file is something else.
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
    except (SafetensorError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise Damaged(f"it cannot be read: {error!r}") from error
    version, values = fields(header, "format", "values")
    if version != _FORMAT:
        raise Damaged("it is of another version of rlnas")
    state = {name: dict(mapping(entries)) for name, entries in mapping(values).items()}
    for path_of_array, array in arrays.items():
        section, _, name = path_of_array.partition("/")
        if section not in state or name in state[section]:
            raise Damaged(f"array {shown(path_of_array)} belongs to no part of a training")
        state[section][name] = array
    return state

"""Checkpoints: all that a training needs to go on to the same bits, in one file without pickle.

A checkpoint is taken between an update of the policy and the next rollout. The file is a line with
the SHA-256 of the rest, then safetensors, with what is no array as JSON in its header.
"""

import json
import logging
from collections import deque
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load, save
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.vec_env import VecEnv, VecMonitor

from rlnas.agents.callbacks import best_design
from rlnas.agents.replay import Moment
from rlnas.envs.design_env import Design
from rlnas.errors import InputError
from rlnas.files import replace_file
from rlnas.network import ARRAYS, SparseNetwork

FOLDER = "checkpoints"
KEPT = 3
"""The last ones; a damaged one falls back to the one before."""

_FORMAT = "rlnas-checkpoint-2"
_LEARNER = ("num_timesteps", "_n_updates", "_episode_num", "_current_progress_remaining")


class Checkpoint(NamedTuple):
    """The state of a training.

    Attributes:
        arrays: everything large.
        facts: JSON values.
    """

    arrays: dict[str, np.ndarray]
    facts: dict[str, Any]

    @property
    def timesteps(self) -> int:
        """Steps of the training so far, over all environments."""
        return self.facts["learner"]["num_timesteps"]


def take(model: Any, logs: dict[str, Any]) -> Checkpoint:
    """The state of a training between two rollouts.

    Args:
        model: an SB3 model on the environments of `rlnas.agents.ppo.new_vec_env`.
        logs: what else the caller wants back, JSON values.
    """
    arrays = {f"policy/{name}": _numpy(value) for name, value in model.policy.state_dict().items()}
    for number, averages in model.policy.optimizer.state_dict()["state"].items():
        for name, value in averages.items():
            arrays[f"optimizer/{number}/{name}"] = _numpy(value)
    arrays["torch"] = _numpy(torch.get_rng_state())
    state: Any = np.random.get_state()  # noqa: NPY002  Stable-Baselines3 uses it
    arrays["numpy"], position = state[1], list(state[2:])
    arrays["last_obs"] = model._last_obs
    arrays["last_episode_starts"] = model._last_episode_starts
    monitor = _monitor(model.env)
    arrays["monitor/returns"] = monitor.episode_returns
    arrays["monitor/lengths"] = monitor.episode_lengths
    arrays["episodes/r"] = np.array([each["r"] for each in model.ep_info_buffer], np.float32)
    arrays["episodes/l"] = np.array([each["l"] for each in model.ep_info_buffer], np.int32)
    pending = model.logger.name_to_value
    arrays |= {f"log/{name}": np.asarray(value) for name, value in pending.items()}
    venv: Any = monitor.venv
    moments: list[Moment] = venv.moments()
    best = best_design(model.env)
    arrays |= {f"best/{name}": getattr(best.network, name) for name in ARRAYS}
    facts = {
        "learner": {name: getattr(model, name) for name in _LEARNER},
        "numpy": position,
        "episode_count": monitor.episode_count,
        "environments": [moment.state for moment in moments],
        "log_counts": {name: model.logger.name_to_count[name] for name in pending},
        "log_excluded": {name: model.logger.name_to_excluded[name] for name in pending},
        "best": {
            "environment": [id(moment.best) for moment in moments].index(id(best)),
            "layer_sizes": best.network.layer_sizes,
            "steps": best.network.steps,
            "info": {key: np.asarray(value).tolist() for key, value in best.info.items()},
        },
        "logs": logs,
    }
    return Checkpoint(arrays, facts)


def restore(checkpoint: Checkpoint, model: Any) -> None:
    """Give a new model, and its environments, the state of a training.

    Raises:
        InputError: the checkpoint is of another training.
    """
    try:
        _restore(checkpoint, model)
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"the checkpoint is of another training: {error!r}") from error


def _restore(checkpoint: Checkpoint, model: Any) -> None:
    arrays, facts = checkpoint
    tensors = {name: torch.from_numpy(value) for name, value in arrays.items()}
    model.policy.load_state_dict(_below("policy", tensors))
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in _below("optimizer", tensors).items():
        number, key = name.split("/")
        moments.setdefault(int(number), {})[key] = value
    optimizer = model.policy.optimizer
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": moments, "param_groups": groups})
    for name in _LEARNER:
        setattr(model, name, facts["learner"][name])
    model._last_obs = arrays["last_obs"]
    model._last_episode_starts = arrays["last_episode_starts"]
    episodes = zip(arrays["episodes/r"], arrays["episodes/l"], strict=True)
    size = model._stats_window_size
    model.ep_info_buffer = deque(({"r": r, "l": length, "t": 0.0} for r, length in episodes), size)
    model.ep_success_buffer = deque(maxlen=size)
    monitor = _monitor(model.env)
    monitor.episode_returns = arrays["monitor/returns"]
    monitor.episode_lengths = arrays["monitor/lengths"]
    monitor.episode_count = facts["episode_count"]
    for name, value in _below("log", arrays).items():
        model.logger.name_to_value[name] = value[()]
        model.logger.name_to_count[name] = facts["log_counts"][name]
        excluded = facts["log_excluded"][name]
        model.logger.name_to_excluded[name] = None if excluded is None else tuple(excluded)
    best = facts["best"]
    parts = _below("best", arrays)
    network = SparseNetwork(tuple(best["layer_sizes"]), **parts, steps=best["steps"])
    network.check()
    bests: list[Design | None] = [None] * len(facts["environments"])
    bests[best["environment"]] = Design(network, best["info"])
    venv: Any = monitor.venv
    venv.restore([Moment(*each) for each in zip(facts["environments"], bests, strict=True)])
    torch.set_rng_state(tensors["torch"])
    np.random.set_state(("MT19937", arrays["numpy"], *facts["numpy"]))  # noqa: NPY002


class Paused(KeyboardInterrupt):
    """A training was asked to stop, and can be resumed."""


class Checkpoints(BaseCallback):
    """Keep a checkpoint before every rollout, and stop there if asked to.

    Args:
        run: the run folder.
        logs: gives what `take` is to keep for the caller.
        stop: whether to stop.
    """

    def __init__(self, run: Path, logs: Callable[[], dict[str, Any]], stop: Callable[[], bool]):
        super().__init__()
        self.run, self.logs, self.stop = run, logs, stop

    def _on_step(self) -> bool:
        return True

    def _on_rollout_start(self) -> None:
        if not (self.run / "config.json").is_file():
            raise InputError(f"{self.run} was removed while it was trained in: train again")
        write(take(self.model, self.logs()), self.run)
        if self.stop():
            raise Paused(f"stopped; go on with: rlnas train --resume {self.run}")


def write(checkpoint: Checkpoint, run: Path) -> None:
    """Keep a checkpoint in a run folder, and only the last few before it."""
    header = {"format": _FORMAT, "facts": checkpoint.facts}
    arrays = {name: np.asarray(value, order="C") for name, value in checkpoint.arrays.items()}
    content = save(arrays, metadata={"checkpoint": json.dumps(header)})
    path = run / FOLDER / f"{checkpoint.timesteps:012}.checkpoint"
    replace_file(path, sha256(content).hexdigest().encode() + b"\n" + content)
    for old in _paths(run)[:-KEPT]:
        old.unlink()


def read_last(run: Path) -> Checkpoint | None:
    """The last checkpoint of a run that is not damaged; None if there never was one.

    Raises:
        InputError: all are damaged.
    """
    paths = _paths(run)
    for path in reversed(paths):
        try:
            return _read(path)
        except InputError as error:
            logging.getLogger(__name__).warning("%s: the one before it is used", error)
    if paths:
        raise InputError(f"all checkpoints in {run / FOLDER} are damaged: train again")
    return None


def _read(path: Path) -> Checkpoint:
    try:
        digest, _, content = path.read_bytes().partition(b"\n")
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    if sha256(content).hexdigest().encode() != digest:
        raise InputError(f"{path} is damaged: its checksum is another")
    try:
        length = int.from_bytes(content[:8], "little")
        header = json.loads(json.loads(content[8 : 8 + length])["__metadata__"]["checkpoint"])
        found = Checkpoint(load(content), header["facts"])
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged: {error}") from error
    if header["format"] != _FORMAT:
        raise InputError(f"{path} is of another version of rlnas")
    return found


def _paths(run: Path) -> list[Path]:
    return sorted((run / FOLDER).glob("*.checkpoint"))


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().clone().numpy()


def _below(prefix: str, values: dict[str, Any]) -> dict[str, Any]:
    """The values whose names begin with a prefix and a slash, without these."""
    start = prefix + "/"
    return {name[len(start) :]: value for name, value in values.items() if name.startswith(start)}


def _monitor(env: VecEnv) -> VecMonitor:
    while not isinstance(env, VecMonitor):
        env = env.venv  # type: ignore[attr-defined]
    return env

"""The state of a training between two rollouts: sections, each of which is saved and restored.

A section has `state_dict` and `load_state_dict`, as PyTorch's modules have: a flat dict of arrays
and JSON values. What is loaded may come from a damaged file: every value is checked against what
the new model and its environments expect. What follows from playing the episodes again, such as
the last observations, is not saved.
"""

import re
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import torch
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import unwrap_vec_wrapper

from rlnas.agents.training.model import ResumableModel
from rlnas.agents.training.vec_env import ResumableMonitor
from rlnas.envs.replay import Moment, Replayed
from rlnas.errors import InputError
from rlnas.files import typed
from rlnas.files.typed import Damaged
from rlnas.nn.network import MAX_STEPS

MAX_WEIGHT = 1e9
"""Limit of a policy's weights: Adam moves a weight by less than 10 times the learning rate, which
is at most 1."""

_OF_UPDATE = re.compile(r"train/\w+", re.ASCII)
"""Names under which Stable-Baselines3 records an update."""

Arrays = dict[str, np.ndarray]
Section = dict[str, Any]
"""Arrays, and JSON values in which NumPy's arrays and numbers may stand for lists and numbers."""

State = dict[str, Section]
"""The sections of a training by name."""


class Stateful(Protocol):
    """A part of a training that is in its checkpoints."""

    def state_dict(self) -> Section:
        """What `load_state_dict` needs to restore this state."""

    def load_state_dict(self, state: Section) -> None:
        """Restore a state.

        Raises:
            Damaged: no training can have had the state; this part cannot be used any more.
        """


def state_of(parts: Mapping[str, Stateful]) -> State:
    """The state of every part of a training."""
    return {name: part.state_dict() for name, part in parts.items()}


def load_state(parts: Mapping[str, Stateful], state: State) -> None:
    """Restore the state of every part of a training, in the order of the parts.

    Raises:
        Damaged: no training can have had the state; the parts cannot be used any more.
    """
    for part, section in zip(parts.values(), typed.fields(state, *parts), strict=True):
        part.load_state_dict(section)


def split(section: Section, *names: str) -> tuple[Arrays, list[Any]]:
    """The arrays of a section, and its other values, which must have exactly these names.

    Raises:
        Damaged: other names are there.
    """
    arrays = {name: value for name, value in section.items() if isinstance(value, np.ndarray)}
    rest = {name: value for name, value in section.items() if name not in arrays}
    return arrays, typed.fields(rest, *names)


def check_empty(arrays: Arrays) -> None:
    """Raise `Damaged` if arrays are left that nothing has read."""
    if arrays:
        raise Damaged(f"array {typed.shown(min(arrays))} belongs to no part of a training")


def check_finite(model: Any) -> None:
    """Raise `InputError` if the weights of the policy are not all finite."""
    if not all(bool(weights.isfinite().all()) for weights in model.policy.parameters()):
        raise InputError(
            f"the policy has diverged after {model.num_timesteps} steps: train again with a "
            "smaller --learning-rate"
        )


class CounterState:
    """How many steps and gradient passes a model has done.

    Args:
        model: the model.
        total: steps of the whole training, over all environments.
    """

    def __init__(self, model: ResumableModel, total: int):
        self.model, self.total = model, total

    def state_dict(self) -> Section:
        """Numbers of steps and passes."""
        return {"timesteps": self.model.num_timesteps, "passes": self.model.passes}

    def load_state_dict(self, state: Section) -> None:
        """Continue counting."""
        arrays, (timesteps, passes) = split(state, "timesteps", "passes")
        check_empty(arrays)
        typed.whole(timesteps, high=self.total)
        updates, rest = divmod(timesteps, self.model.n_steps * self.model.n_envs)
        if rest:
            raise Damaged(f"{timesteps} steps are no whole number of rollouts")
        typed.whole(passes, high=updates * self.model.n_epochs)
        self.model.continue_counting(timesteps, passes)


class PolicyState:
    """The weights of a policy."""

    def __init__(self, model: ResumableModel):
        self.model = model

    def state_dict(self) -> Section:
        """An array for each parameter.

        Raises:
            InputError: the policy has diverged.
        """
        check_finite(self.model)
        return {name: as_array(weights) for name, weights in self.model.policy.named_parameters()}

    def load_state_dict(self, state: Section) -> None:
        """Set the weights."""
        arrays, _ = split(state)
        for name, weights in self.model.policy.named_parameters():
            value = _tensor_like(weights, arrays, name, -MAX_WEIGHT, MAX_WEIGHT)
            weights.data.copy_(value)
        check_empty(arrays)


class OptimizerState:
    """The moments of Adam, which exist once the policy has been updated; loaded after counters."""

    def __init__(self, model: ResumableModel):
        self.model = model

    def state_dict(self) -> Section:
        """For each parameter the number of steps and two arrays like it."""
        optimizer = self.model.policy.optimizer
        return {
            f"{moment}/{name}": as_array(value)
            for name, weights in self.model.policy.named_parameters()
            for moment, value in optimizer.state.get(weights, {}).items()
        }

    def load_state_dict(self, state: Section) -> None:
        """Set the moments."""
        arrays, _ = split(state)
        steepest = 1.01 * self.model.max_grad_norm  # no element of a gradient is larger
        if self.model.num_timesteps:
            for name, weights in self.model.policy.named_parameters():
                step = typed.array(arrays, f"step/{name}", np.float32, (), 1, MAX_STEPS)
                self.model.policy.optimizer.state[weights] = {
                    "step": torch.from_numpy(step),
                    "exp_avg": _tensor_like(
                        weights, arrays, f"exp_avg/{name}", -steepest, steepest
                    ),
                    "exp_avg_sq": _tensor_like(
                        weights, arrays, f"exp_avg_sq/{name}", 0, steepest**2
                    ),
                }
        check_empty(arrays)


class StatisticsState:
    """Returns and lengths of the last finished episodes, whose means are logged."""

    def __init__(self, model: ResumableModel):
        self.model = model

    def state_dict(self) -> Section:
        """float32 returns and int32 lengths."""
        episodes = self.model.ep_info_buffer or ()
        return {
            "returns": np.array([each["r"] for each in episodes], np.float32),
            "lengths": np.array([each["l"] for each in episodes], np.int32),
        }

    def load_state_dict(self, state: Section) -> None:
        """Continue with these episodes."""
        arrays, _ = split(state)
        returns = typed.array(arrays, "returns", np.float32, (-1,))
        lengths = typed.array(arrays, "lengths", np.int32, returns.shape, 1)
        check_empty(arrays)
        window = self.model.episode_window
        if len(returns) > window:
            raise Damaged(f"{len(returns)} episodes are remembered: expected at most {window}")
        self.model.continue_statistics(list(returns), list(lengths))


class LoggerState:
    """What the last update has recorded for the next line of the log."""

    def __init__(self, logger: Logger):
        self.logger = logger

    def state_dict(self) -> Section:
        """An array without axes for each name; beside it how often, and where not, it is logged."""
        logger = self.logger
        values = {
            name: np.asarray(value)
            for name, value in logger.name_to_value.items()
            if _OF_UPDATE.fullmatch(name)  # others, of a user's callbacks, may be anything
        }
        entries = {
            name: {"count": logger.name_to_count[name], "excluded": logger.name_to_excluded[name]}
            for name in values
        }
        return {**values, "entries": entries}

    def load_state_dict(self, state: Section) -> None:
        """Record the values again."""
        arrays, (entries,) = split(state, "entries")
        for name, entry in typed.mapping(entries).items():
            count, excluded = typed.fields(entry, "count", "excluded")
            value = typed.take(arrays, name)
            # Where all returns are equal, the explained variance is NaN.
            if value.shape or value.dtype.kind not in "if" or not _OF_UPDATE.fullmatch(name):
                raise Damaged(f"{typed.shown(name)} has no name or no value that a log can have")
            self.logger.name_to_value[name] = value[()]  # type: ignore[assignment]  # NumPy's number
            self.logger.name_to_count[name] = typed.whole(count)
            self.logger.name_to_excluded[name] = tuple(
                typed.like(each, "") for each in typed.listed(excluded)
            )
        check_empty(arrays)


class EnvironmentState:
    """The episodes that the environments of a model are in."""

    def __init__(self, model: ResumableModel):
        self.model = model
        monitor = unwrap_vec_wrapper(model.env, ResumableMonitor)  # type: ignore[arg-type]
        assert isinstance(monitor, ResumableMonitor)
        self.monitor = monitor
        self.venv: Any = monitor.venv

    def state_dict(self) -> Section:
        """How each episode began, and the actions since."""
        return {"states": [moment.state for moment in self.venv.moments()]}

    def load_state_dict(self, state: Section) -> None:
        """Play the episodes again."""
        arrays, (states,) = split(state, "states")
        check_empty(arrays)
        moments = [Moment(each, None) for each in typed.listed(states, self.model.n_envs)]
        replayed: list[Replayed] = self.venv.restore(moments)
        self.monitor.continue_episodes(replayed)
        self.model.continue_episodes(
            np.stack([each.observation for each in replayed]),
            np.array([each.rewards.size == 0 for each in replayed]),
        )


def as_array(tensor: torch.Tensor) -> np.ndarray:
    """A copy of a tensor as an array."""
    return tensor.detach().clone().numpy()


def _tensor_like(
    weights: torch.Tensor, arrays: Arrays, name: str, low: float, high: float
) -> torch.Tensor:
    """An array of the shape of a parameter, with values in a range."""
    shape = tuple(weights.shape)
    return torch.from_numpy(typed.array(arrays, name, np.float32, shape, low, high))

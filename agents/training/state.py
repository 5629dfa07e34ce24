"""The state of a training between two rollouts: taken from a model, given to a new one.

Each part is a pair, `_take_...` and `_restore_...`. What is restored may come from a damaged file:
every value is checked against what the new model and its environments expect. What follows from
playing the episodes again, such as the last observations, is not kept.
"""

import math
import re
from collections import deque
from typing import Any, NamedTuple

import numpy as np
import torch
from stable_baselines3.common.vec_env import VecEnv, VecMonitor

from rlnas.agents.training.callbacks import best_design
from rlnas.envs.design_env import Design, DesignEnv
from rlnas.envs.replay import Moment, Replayed
from rlnas.errors import InputError
from rlnas.files import typed
from rlnas.files.typed import Damaged
from rlnas.nn.network import ARRAYS, MAX_STEPS, SparseNetwork
from rlnas.nn.training import evaluate
from rlnas.scoring import reference_weights, score

MAX_WEIGHT = 1e9
"""Of a policy: Adam moves a weight by less than 10 times the learning rate, which is at most 1."""

_FACTS = ("learner", "log", "environments", "best", "generators")
_MT_WORDS = 624  # of the Mersenne Twister, of NumPy and of PyTorch
_MASK = "action_mask"  # nobody asks for that of the best design
_NAME = re.compile(r"\w+/\w+", re.ASCII)

Arrays = dict[str, np.ndarray]


class TrainingState(NamedTuple):
    """What a training is at.

    Attributes:
        arrays: everything large.
        facts: JSON values; arrays among them become lists.
    """

    arrays: Arrays
    facts: dict[str, Any]

    @property
    def timesteps(self) -> int:
        """Steps of the training so far, over all environments."""
        return self.facts["learner"]["timesteps"]


def take(model: Any) -> TrainingState:
    """The state of a training between two rollouts.

    Args:
        model: an SB3 model on the environments of `rlnas.agents.training.ppo.new_vec_env`.

    Raises:
        InputError: the policy has diverged.
    """
    check_finite(model)
    arrays: Arrays = {}
    learner, log = _take_learner(model, arrays), _take_log(model, arrays)
    environments, best = _take_environments(model, arrays)
    facts = (learner, log, environments, best, _take_generators(arrays))
    return TrainingState(arrays, dict(zip(_FACTS, facts, strict=True)))


def check_finite(model: Any) -> None:
    """Raise `InputError` if the weights of the policy are not all finite."""
    if not all(bool(weights.isfinite().all()) for weights in model.policy.parameters()):
        raise InputError(
            f"the policy has diverged after {model.num_timesteps} steps: train again with a "
            "smaller --learning-rate"
        )


def restore(state: TrainingState, model: Any, env: DesignEnv, total: int) -> None:
    """Give a new model, and its environments, the state of a training.

    Args:
        state: what `take` gave, as it was read from a file.
        model: a new one, with a logger; it cannot be used after an error.
        env: another environment like those of the model.
        total: steps of the whole training, over all environments.

    Raises:
        Damaged: no such training can have had the state.
    """
    arrays = dict(state.arrays)
    learner, log, environments, best, generators = typed.fields(state.facts, *_FACTS)
    _restore_learner(model, arrays, learner, total)
    _restore_log(model, arrays, log)
    _restore_environments(model, arrays, environments, best, env)
    _restore_generators(arrays, generators)
    if arrays:
        raise Damaged(f"array {typed.shown(min(arrays))} belongs to no part of a training")


# --- the policy, its optimiser, how often they were updated ---


def _take_learner(model: Any, arrays: Arrays) -> dict[str, int]:
    for name, weights in model.policy.named_parameters():
        arrays[f"policy/{name}"] = _numpy(weights)
        for moment, value in model.policy.optimizer.state.get(weights, {}).items():
            arrays[f"{moment}/{name}"] = _numpy(value)
    return {"timesteps": model.num_timesteps, "passes": model._n_updates}


def _restore_learner(model: Any, arrays: Arrays, facts: Any, total: int) -> None:
    timesteps, passes = typed.fields(facts, "timesteps", "passes")
    model.num_timesteps = typed.whole(timesteps, high=total - 1)
    updates, rest = divmod(model.num_timesteps, model.n_steps * model.n_envs)
    if rest:
        raise Damaged(f"{model.num_timesteps} steps are no whole number of rollouts")
    model._n_updates = typed.whole(passes, high=updates * model.n_epochs)
    steepest = 1.01 * model.max_grad_norm  # no element of a gradient is larger

    def like(weights: torch.Tensor, name: str, low: float, high: float) -> torch.Tensor:
        shape = tuple(weights.shape)
        return torch.from_numpy(typed.array(arrays, name, np.float32, shape, low, high))

    for name, weights in model.policy.named_parameters():
        weights.data.copy_(like(weights, f"policy/{name}", -MAX_WEIGHT, MAX_WEIGHT))
        if updates:
            step = typed.array(arrays, f"step/{name}", np.float32, (), 1, MAX_STEPS)
            model.policy.optimizer.state[weights] = {
                "step": torch.from_numpy(step),
                "exp_avg": like(weights, f"exp_avg/{name}", -steepest, steepest),
                "exp_avg_sq": like(weights, f"exp_avg_sq/{name}", 0, steepest**2),
            }


# --- what the next line of the log will say ---


def _take_log(model: Any, arrays: Arrays) -> dict[str, Any]:
    arrays["episodes/r"] = np.array([each["r"] for each in model.ep_info_buffer], np.float32)
    arrays["episodes/l"] = np.array([each["l"] for each in model.ep_info_buffer], np.int32)
    logger = model.logger
    arrays |= {f"log/{name}": np.asarray(value) for name, value in logger.name_to_value.items()}
    return {
        name: {"count": logger.name_to_count[name], "excluded": logger.name_to_excluded[name]}
        for name in logger.name_to_value
    }


def _restore_log(model: Any, arrays: Arrays, facts: Any) -> None:
    returns = typed.array(arrays, "episodes/r", np.float32, (-1,))
    lengths = typed.array(arrays, "episodes/l", np.int32, returns.shape, 1)
    window = model._stats_window_size
    if len(returns) > window:
        raise Damaged(f"{len(returns)} episodes are remembered: expected at most {window}")
    episodes = zip(returns, lengths, strict=True)
    model.ep_info_buffer = deque(({"r": r, "l": n, "t": 0.0} for r, n in episodes), window)
    model.ep_success_buffer = deque(maxlen=window)
    for name, entry in typed.mapping(facts).items():
        count, excluded = typed.fields(entry, "count", "excluded")
        value = typed.take(arrays, f"log/{name}")
        # Where all returns are equal, the explained variance is NaN.
        if value.shape or value.dtype.kind not in "if" or not _NAME.fullmatch(name):
            raise Damaged(f"{typed.shown(name)} has no name or no value that a log can have")
        model.logger.name_to_value[name] = value[()]
        model.logger.name_to_count[name] = typed.whole(count)
        model.logger.name_to_excluded[name] = tuple(
            typed.like(each, "") for each in typed.listed(excluded)
        )


# --- the environments, and the best design that they have seen ---


def _take_environments(model: Any, arrays: Arrays) -> tuple[list[Any], dict[str, Any]]:
    venv: Any = _monitor(model.env).venv
    moments: list[Moment] = venv.moments()
    best = best_design(model.env)
    arrays |= {f"best/{name}": getattr(best.network, name) for name in ARRAYS}
    return [moment.state for moment in moments], {
        "environment": [id(moment.best) for moment in moments].index(id(best)),
        "layer_sizes": best.network.layer_sizes,
        "steps": best.network.steps,
        "info": {name: value for name, value in best.info.items() if name != _MASK},
    }


def _restore_environments(
    model: Any, arrays: Arrays, states: Any, best: Any, env: DesignEnv
) -> None:
    index, sizes, steps, info = typed.fields(best, "environment", "layer_sizes", "steps", "info")
    parts = {name: typed.take(arrays, f"best/{name}") for name in ARRAYS}
    layers = tuple(typed.whole(size, 1) for size in typed.listed(sizes))
    network = SparseNetwork(layers, **parts, steps=typed.whole(steps, high=MAX_STEPS))
    bests: list[Design | None] = [None] * model.n_envs
    bests[typed.whole(index, high=model.n_envs - 1)] = _checked_design(network, info, env)
    monitor = _monitor(model.env)
    venv: Any = monitor.venv
    replayed: list[Replayed] = venv.restore(
        [Moment(*each) for each in zip(typed.listed(states, model.n_envs), bests, strict=True)]
    )
    model._last_obs = np.stack([each.observation for each in replayed])
    monitor.episode_lengths = np.array([each.rewards.size for each in replayed], np.int32)
    model._last_episode_starts = monitor.episode_lengths == 0
    # One after the other, in float32, as the monitor adds them.
    returns = [np.append(np.float32(0), each.rewards).cumsum()[-1] for each in replayed]
    monitor.episode_returns = np.array(returns, np.float32)


def _checked_design(network: SparseNetwork, facts: Any, env: DesignEnv) -> Design:
    """A design from its network and its info as JSON values.

    Raises:
        Damaged: no environment like this one can have made it.
    """
    _, pattern = env.reset(seed=0)
    pattern |= env.words
    names = [name for name in pattern if name != _MASK]
    values = zip(names, typed.fields(facts, *names), strict=True)
    info = {name: typed.like(value, pattern[name]) for name, value in values}
    try:
        network.check()
        losses = [
            evaluate(network, data, data.validation).loss
            for data in env.datasets
            if data.name == info["dataset"]
        ]
    except InputError as error:
        raise Damaged(f"the best design cannot be used: {error}") from error
    reference = reference_weights(network.n_inputs, network.n_outputs)
    value = score(info["val_accuracy"], network.active_weights, info["penalty"], reference)
    low, high = env.penalty_range
    fits = (
        any(math.isclose(info["val_loss"], loss, rel_tol=1e-3, abs_tol=1e-6) for loss in losses)
        and math.isclose(info["score"], value, abs_tol=1e-6)
        and 0 <= info["val_accuracy"] <= 1
        and low <= info["penalty"] <= high
        and info["active_weights"] == network.active_weights
        and math.isclose(info["density"], network.density)
        and [size for size in info["layer_sizes"] if size > 0] == list(network.layer_sizes)
    )
    if not fits:
        raise Damaged("the best design is not what is said of it, or the data set is another")
    return Design(network, info)


def _monitor(env: VecEnv) -> VecMonitor:
    while not isinstance(env, VecMonitor):
        env = env.venv  # type: ignore[attr-defined]
    return env


# --- the generators of PyTorch and NumPy ---


def _take_generators(arrays: Arrays) -> dict[str, Any]:
    arrays["torch"] = _numpy(torch.get_rng_state())
    state: Any = np.random.get_state()  # noqa: NPY002  Stable-Baselines3 uses it
    _, arrays["numpy"], position, has_gauss, gauss = state
    return {"position": position, "has_gauss": has_gauss, "gauss": gauss}


def _restore_generators(arrays: Arrays, facts: Any) -> None:
    position, has_gauss, gauss = typed.fields(facts, "position", "has_gauss", "gauss")
    words = typed.array(arrays, "numpy", np.uint32, (_MT_WORDS,))
    typed.whole(position, high=_MT_WORDS)  # NumPy would read beyond the words
    typed.whole(has_gauss, high=1)
    typed.number(gauss)
    shape = tuple(torch.get_rng_state().shape)
    content = typed.array(arrays, "torch", np.uint8, shape)
    check_torch_generator(content)
    torch.set_rng_state(torch.from_numpy(content))
    np.random.set_state(("MT19937", words, position, has_gauss, gauss))  # noqa: NPY002


def check_torch_generator(content: np.ndarray) -> None:
    """Raise `Damaged` unless PyTorch's generator can have had a state, uint8 `[5056]`.

    After the seed come, of the 624 words, how many are left, and eight bytes further which is the
    next. PyTorch checks each of the two alone, and would read beyond the words.
    """
    generator = torch.Generator()
    try:
        generator.set_state(torch.from_numpy(content))
    except RuntimeError as error:
        raise Damaged(f"PyTorch refuses the state of its generator: {error}") from error
    left, following = int(content[8:12].view(np.int32)[0]), int(content[16:24].view(np.int64)[0])
    seeded = (left, following) == (1, 0)
    if not (seeded or left + following == _MT_WORDS + 1):
        raise Damaged("the place in the state of PyTorch's generator is impossible")
    if not np.array_equal(_numpy(generator.get_state()), content):
        raise Damaged("the state of PyTorch's generator is not what it writes itself")


def _numpy(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().clone().numpy()

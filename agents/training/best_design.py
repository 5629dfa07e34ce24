"""The best design that a training has seen: tracked, written to a folder, tested once."""

import math
from pathlib import Path
from typing import Any

from stable_baselines3.common.callbacks import BaseCallback

from rlnas.agents.designing.evaluation import design_facts, evaluation_metrics
from rlnas.agents.training.state import Section, check_empty, split
from rlnas.designs.saved import save_design
from rlnas.envs.episode import Design
from rlnas.envs.live_env import LiveEnv
from rlnas.errors import InputError
from rlnas.files import typed
from rlnas.files.typed import Damaged
from rlnas.nn.network import ARRAYS, MAX_STEPS, SparseNetwork
from rlnas.nn.training import evaluate
from rlnas.scoring import reference_weights, score

_MASK = "action_mask"  # nobody needs that of the best design


class BestDesign(BaseCallback):
    """Track the best design seen, by score on validation data, and keep it in a folder.

    Args:
        folder: rewritten whenever a better design is found.
        env: an environment like those of the training.
        n_envs: number of those.
    """

    def __init__(self, folder: Path, env: LiveEnv, n_envs: int):
        super().__init__()
        self.folder = folder
        self.env, self.n_envs = env, n_envs
        self.data = {each.name: each for each in env.datasets}
        self.best: Design | None = None
        self.environment = 0  # number of the environment that has seen it
        self.saved: Design | None = None

    @property
    def design(self) -> Design:
        """The best design up to the last rollout.

        Raises:
            InputError: no environment has trained a network yet.
        """
        if self.best is None:  # possible only if a policy may choose actions that are refused
            raise InputError(
                f"no network was trained in {self.num_timesteps} steps: expected at least one; "
                "give more --rollout-steps, or use --algorithm maskable_ppo"
            )
        return self.best

    def _on_training_start(self) -> None:
        self._update()

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        self._update()
        if self.saved is not self.best:
            self._save()

    def _on_training_end(self) -> None:
        self._on_rollout_end()  # where a callback has ended the training in a rollout

    def test(self) -> None:
        """Test the best design, once; save the result, and on how many designs it was chosen."""
        data = self.data[self.design.info["dataset"]]
        result = evaluation_metrics(self.design.network, data, data.test)
        self._save(looks=self.num_timesteps, looks_at=data.validation.size, **result)

    def state_dict(self) -> Section:
        """The network, and the info of the step that it was seen in; nothing before the first."""
        if self.best is None:
            return {}
        network, info = self.best
        return {
            **{name: getattr(network, name) for name in ARRAYS},
            "environment": self.environment,
            "layer_sizes": network.layer_sizes,
            "steps": network.steps,
            "info": {name: value for name, value in info.items() if name != _MASK},
        }

    def load_state_dict(self, state: Section) -> None:
        """Continue with a design.

        Raises:
            Damaged: no environment of the training can have made it.
        """
        if not state:
            return
        arrays, facts = split(state, "environment", "layer_sizes", "steps", "info")
        environment, sizes, steps, info = facts
        parts = {name: typed.take(arrays, name) for name in ARRAYS}
        check_empty(arrays)
        layers = tuple(typed.whole(size, 1) for size in typed.listed(sizes))
        network = SparseNetwork(layers, **parts, steps=typed.whole(steps, high=MAX_STEPS))
        self.best = _checked_design(network, info, self.env)
        self.environment = typed.whole(environment, high=self.n_envs - 1)

    def _update(self) -> None:
        """Compare with what the environments have seen; of equal scores the first counts."""
        designs: list[Design | None] = self.training_env.get_attr("best")
        if self.best is not None:
            # After a resume the environment itself knows only the designs of its episode.
            replayed = designs[self.environment]
            designs[self.environment] = max(self.best, replayed, key=_score)
        self.environment = max(range(len(designs)), key=lambda k: _score(designs[k]))
        self.best = designs[self.environment]

    def _save(self, **facts: Any) -> None:
        data = self.data[self.design.info["dataset"]]
        record = {**design_facts(self.design), **data.origin, **facts}
        save_design(self.folder, self.design.network, data.preprocessing, record)
        self.saved = self.best


def _score(design: Design | None) -> float:
    return -math.inf if design is None else float(design.info["score"])


def _checked_design(network: SparseNetwork, facts: Any, env: LiveEnv) -> Design:
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
    value = score(info["val_metric"], network.active_weights, info["penalty"], reference)
    low, high = env.penalty_range
    fits = (
        any(math.isclose(info["val_loss"], loss, rel_tol=1e-3, abs_tol=1e-6) for loss in losses)
        and math.isclose(info["score"], value, abs_tol=1e-6)
        and 0 <= info["val_metric"] <= 1
        and low <= info["penalty"] <= high
        and info["active_weights"] == network.active_weights
        and math.isclose(info["density"], network.density)
        and [size for size in info["layer_sizes"] if size > 0] == list(network.layer_sizes)
    )
    if not fits:
        raise Damaged("the best design is not what is said of it, or the data set is another")
    return Design(network, info)

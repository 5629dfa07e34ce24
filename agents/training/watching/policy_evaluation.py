"""Evaluating the policy in the course of a training, and keeping the best one."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback

from rlnas.agents.config import TrainConfig
from rlnas.agents.policies.environments import make_env
from rlnas.agents.policies.layouts import layout_of
from rlnas.agents.policies.network import check_tensors, policy_network
from rlnas.agents.policies.outcome import judged_by
from rlnas.agents.policies.policy import MASKED, TrainedPolicy
from rlnas.agents.training.logs import LogFiles
from rlnas.agents.training.state import MAX_WEIGHT, Arrays, Section, as_array, split
from rlnas.agents.training.watching import tags
from rlnas.agents.training.watching.evaluations import Evaluation, Evaluations, best_of
from rlnas.agents.training.watching.held_out import (
    HeldOutEpisodes,
    OfEpisode,
    episodes_of,
    rivals,
    steps_between,
)
from rlnas.data.dataset import Dataset
from rlnas.files import typed
from rlnas.files.typed import Damaged


class PolicyEvaluation(BaseCallback):
    """Evaluate the policy on held-out episodes, after updates and at the end; keep the best one.

    The most probable actions are taken, as in `rlnas design`.

    Args:
        config: settings of the training, which ask for at least one episode.
        env_of: returns a new environment of the training.
        folder: the run folder, for `evaluations.json`.
        logs: the log files of the training.
    """

    def __init__(self, config: TrainConfig, env_of: Any, folder: Path, logs: LogFiles):
        super().__init__()
        self.config, self.folder, self.logs = config, folder, logs
        self.held_out = HeldOutEpisodes(env_of, episodes_of(config))
        self.every = steps_between(config)
        env = env_of()
        self.measure, self.layout = judged_by(env), layout_of(env.observation_space)
        self.rivals = rivals(config.budget is not None)
        self.scores: list[float] = []  # of the rivals
        self.done: tuple[Evaluation, ...] = ()
        self.best: Arrays = {}  # tensors of the best policy

    def state_dict(self) -> Section:
        """The evaluations so far, the scores of the rivals, and the best policy."""
        rows = [
            [each.timesteps, each.score, each.metric, each.active_weights] for each in self.done
        ]
        return {**self.best, "rivals": self.scores, "done": rows}

    def load_state_dict(self, state: Section) -> None:
        """Continue; loaded after the counters."""
        arrays, (scores, rows) = split(state, "rivals", "done")
        if scores:
            typed.listed(scores, len(self.rivals))
        self.scores = [typed.number(score, _LARGEST) for score in typed.listed(scores)]
        before = 0
        for row in typed.listed(rows):
            timesteps, *values = typed.listed(row, 4)
            typed.whole(timesteps, before + 1, self.model.num_timesteps)
            self.done += (
                Evaluation(timesteps, *(typed.number(each, _LARGEST) for each in values)),
            )
            before = timesteps
        if bool(self.done) != bool(arrays):
            raise Damaged("there are evaluations without a best policy, or the other way round")
        if arrays:
            check_tensors(arrays, self.config.net_arch, self.config.features, self.layout)
            if not all((np.abs(each) <= MAX_WEIGHT).all() for each in arrays.values()):
                raise Damaged("the best policy has weights that no training gives it")
        self.best = arrays

    @property
    def last_is_best(self) -> bool:
        """Whether no evaluation was better than the last one."""
        return best_of(self.done) is self.done[-1]

    def use_best(self) -> None:
        """Put the best policy in the place of the last one."""
        self.model.policy.load_state_dict(
            {name: torch.tensor(value) for name, value in self.best.items()}
        )

    def _on_training_start(self) -> None:
        if not self.scores:
            self.scores = [self._played(each, 0).score for each in self.rivals.values()]

    def _on_rollout_start(self) -> None:
        last = self.done[-1].timesteps if self.done else 0
        if self.num_timesteps >= (last // self.every + 1) * self.every:
            self._evaluate()

    def _on_step(self) -> bool:
        return True

    def _on_training_end(self) -> None:
        if not self.done or self.done[-1].timesteps != self.num_timesteps:
            self._evaluate()

    def _evaluate(self) -> None:
        tensors = {name: as_array(each) for name, each in self.model.policy.state_dict().items()}
        net_arch, features = self.config.net_arch, self.config.features
        network = policy_network(tensors, net_arch, features, self.layout)
        policy = TrainedPolicy(network, self.config.algorithm == MASKED, layout=self.layout)
        found = self._played(lambda seed: policy, self.num_timesteps)
        self.done += (found,)
        if best_of(self.done) is found:
            self.best = tensors
        names = dict(zip(self.rivals, self.scores, strict=True))
        Evaluations(self.measure, self.held_out.count, names, self.done).write(self.folder)
        self._log(found)

    def _played(self, policy_of: OfEpisode, timesteps: int) -> Evaluation:
        infos = self.held_out.play(policy_of)
        keys = (self.measure, "val_metric", "active_weights")
        return Evaluation(timesteps, *(float(np.mean([each[k] for each in infos])) for k in keys))

    def _log(self, found: Evaluation) -> None:
        values = {
            tags.EVALUATED: found.score,
            tags.EVALUATED_METRIC: found.metric,
            tags.EVALUATED_WEIGHTS: found.active_weights,
        }
        self.logs.add(values, found.timesteps)
        for name, score in zip(self.rivals, self.scores, strict=True):
            self.logs.add_beside(name, {tags.EVALUATED: score}, found.timesteps)


_LARGEST = 1e9  # of a score or a number of weights


def new_evaluation(
    config: TrainConfig, data: list[Dataset], folder: Path, logs: LogFiles
) -> PolicyEvaluation | None:
    """The evaluation that settings ask for; None if they ask for none."""
    if episodes_of(config) == 0:
        return None
    return PolicyEvaluation(config, partial(make_env, config, data), folder, logs)

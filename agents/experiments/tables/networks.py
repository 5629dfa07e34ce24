"""The networks of the study: designs and other sparse or dense networks, all finished alike."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypedDict

import numpy as np

from rlnas.agents.designing.finish import (
    Candidate,
    brief_training,
    candidates,
    finish,
    linear_network,
)
from rlnas.agents.experiments.scored_networks import train_with_at_least
from rlnas.agents.policies.episode import play_episode, random_policy
from rlnas.agents.policies.policy import EditSequence, Policy, load_policy
from rlnas.agents.sparse_training.dense import dense_training
from rlnas.agents.sparse_training.trainer import SPARSE_TRAINERS
from rlnas.data.dataset import Dataset
from rlnas.envs.actions import ACTIONS, Action
from rlnas.envs.design_env import DesignEnv
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import evaluate
from rlnas.scoring import REFERENCE_WIDTH

DESIGN, REMOVE_ALL, RANDOM = "design", "remove_all", "random"

SHARES = (0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6)
"""Shares of the reference number of weights that prunings end with."""

WIDTHS = (1, 2, 3, 4, 6, 8, 12, 18, 27, 40, 60, 90)
"""Numbers of hidden units of the dense networks."""

_REMOVE = ACTIONS.index(Action("remove_connections", factor=1.25))

POLICIES: dict[str, Callable[[Path, int], Policy]] = {
    DESIGN: lambda run, _: load_policy(run),
    REMOVE_ALL: lambda *_: EditSequence([_REMOVE]),
    RANDOM: lambda _, seed: random_policy(seed),
}
"""Makes each policy from the run folder that is studied and the seed of the split."""


class Fitted(TypedDict):
    """A model that was fitted to training and validation samples.

    Attributes:
        val_accuracy: Accuracy on the validation samples before they were learned from.
        val_loss: Mean cross-entropy on them.
        test_accuracy: Accuracy on the test samples, of the fitted model.
        active_weights: Number of weights; None for trees.
    """

    val_accuracy: float
    val_loss: float
    test_accuracy: float
    active_weights: int | None


def finished(network: SparseNetwork, data: Dataset, seed: int) -> Fitted:
    """Train a network in place as long as a design is after its episode, and test it once."""
    rng = np.random.default_rng(seed)
    return tested(brief_training(network, data, 0.0, rng), data, seed)


def tested(candidate: Candidate, data: Dataset, seed: int) -> Fitted:
    """Train a network after its brief training to the end, in place, and test it once."""
    finish(candidate.network, data, seed)
    return {
        "val_accuracy": candidate.validation.metric,
        "val_loss": candidate.validation.loss,
        "test_accuracy": evaluate(candidate.network, data, data.test).metric,
        "active_weights": candidate.network.active_weights,
    }


def by_policy(env: DesignEnv, policy: Policy, seed: int) -> list[Fitted]:
    """Play one episode: its best design, and the linear network that it is compared with."""
    chosen = play_episode(env, policy, seed)[0]
    found = candidates(chosen.network, env.dataset, chosen.info["penalty"], seed)
    return [tested(each, env.dataset, seed) for each in found]


def prunings(env: DesignEnv, seed: int) -> list[Fitted]:
    """Prune a dense network of the reference width by saliency to each of `SHARES`, and finish it.

    The last one is a linear network.

    Args:
        env: Environment with one data set; every pruning has as many batches as its episode.
        seed: Seed of each pruning and finish.
    """
    batches, data = episode_batches(env), env.dataset
    sizes = (data.n_features, REFERENCE_WIDTH, data.n_classes)
    prune = partial(SPARSE_TRAINERS["saliency_pruning"], sizes)
    counts = [max(1, round(share * env.reference)) for share in SHARES]
    found = [
        finished(train_with_at_least(count, prune, data, batches, seed), data, seed)
        for count in counts
    ]
    return [*found, finished(linear_network(data, seed), data, seed)]


def dense_networks(env: DesignEnv, seed: int) -> list[Fitted]:
    """Train a dense network of each of `WIDTHS`, and finish it.

    The last one is a linear network.

    Args:
        env: Environment with one data set; every training has as many batches as its episode.
        seed: Seed of each training and finish.
    """
    batches, data = episode_batches(env), env.dataset
    found = []
    for width in WIDTHS:
        sizes, rng = (data.n_features, width, data.n_classes), np.random.default_rng(seed)
        found.append(finished(dense_training(sizes, 0, data, batches, rng), data, seed))
    return [*found, finished(linear_network(data, seed), data, seed)]


def episode_batches(env: DesignEnv) -> int:
    """Number of training batches in an episode."""
    env.reset(seed=0)
    return (env.episode_steps + 1) * env.evaluation_cost

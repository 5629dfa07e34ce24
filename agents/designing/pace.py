"""How many multiply-adds a second an episode computes, on this machine and for a data set."""

from time import perf_counter

import numpy as np

from rlnas.cost import edit_cost, size_of
from rlnas.data.datasets import Dataset
from rlnas.envs.budget.costs import LEAST_BATCHES, step_cost, unit_cost
from rlnas.envs.live_env import probe_size
from rlnas.nn.architecture import Architecture
from rlnas.nn.gradients import sample_gradients
from rlnas.nn.initialization import new_network
from rlnas.nn.training import DEFAULT_HYPERPARAMETERS, Batches, evaluate, train

SECONDS = 0.3
"""Least duration of a measurement."""

SMALL: Architecture = ((12, 0.2),)
"""The network that is measured. Designs are small, and compute fewer multiply-adds a second than
large networks; so the time that was asked for is seldom exceeded."""


def budget_for(seconds: float, data: Dataset) -> float:
    """The budget that about so many seconds pay for, as a multiple of the unit.

    Args:
        seconds: Time for the episode.
        data: The data set.
    """
    batch_size = DEFAULT_HYPERPARAMETERS.batch_size_for(data.train.size)
    return seconds * multiply_adds_per_second(data) / unit_cost(data, batch_size)


def multiply_adds_per_second(data: Dataset) -> float:
    """Measure training, evaluation and probe of short steps.

    Args:
        data: The data set.
    """
    rng = np.random.default_rng(0)
    network = new_network(SMALL, data.n_features, data.n_outputs, rng)
    batches, count = Batches(data.train, rng), LEAST_BATCHES
    size = size_of(network)
    cost = step_cost(size, size, data, count, batches.batch_size) - edit_cost(size)

    def step() -> None:
        train(network, data, batches.take(count))
        evaluate(network, data, data.validation)
        sample_gradients(network, data, data.train[: probe_size(data)])

    step()  # the first one may compile
    began, steps = perf_counter(), 0
    while (passed := perf_counter() - began) < SECONDS or steps == 0:
        step()
        steps += 1
    return steps * cost / passed

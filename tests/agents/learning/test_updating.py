"""Updates: steps of Adam and shortened gradients are PyTorch's; passes, minibatches, the end."""

import numpy as np
import pytest
import torch

from rlnas.agents.learning import updating
from rlnas.agents.learning.actor_critic import Sizes, zeros
from rlnas.agents.learning.objective import Steps, Weighting
from rlnas.agents.learning.updating import (
    Adam,
    Learner,
    Settings,
    adam_step,
    clip_norm,
    update,
)

SIZES = Sizes((6, 8, 5), (6, 8, 1))
ADAM = Adam(learning_rate=1e-2, beta1=0.9, beta2=0.999, epsilon=1e-5)
SETTINGS = Settings(3, 16, None, 0.5, Weighting(0.2, 0.01, 0.5), ADAM)


def new_learner(rng: np.random.Generator) -> Learner:
    """A learner with random weights that has never learnt."""
    learner = Learner(*(zeros(SIZES) for _ in Learner._fields))
    learner.parameters.vector[:] = 0.3 * rng.normal(size=learner.parameters.vector.size)
    return learner


def rollout(rng: np.random.Generator, size: int) -> Steps:
    """Steps of a policy that chose evenly among five actions."""
    signals = rng.normal(size=(2, size)).astype(np.float32)
    return Steps(
        rng.normal(size=(size, 6)).astype(np.float32),
        np.ones((size, 5), bool),
        rng.integers(5, size=size),
        np.full(size, np.log(0.2), np.float32),
        *signals,
    )


@pytest.mark.parametrize("changed", [{}, {"beta1": 0.5}, {"beta2": 0.9}, {"epsilon": 1e-2}])
def test_steps_of_adam_are_those_of_pytorch(changed, rng):
    adam = ADAM._replace(**changed)
    learner = new_learner(rng)
    weights = torch.nn.Parameter(torch.tensor(learner.parameters.vector))
    optimizer = torch.optim.Adam(
        [weights], adam.learning_rate, (adam.beta1, adam.beta2), adam.epsilon
    )
    for step in range(1, 101):
        gradient = (rng.normal(size=weights.numel()) * 10.0 ** rng.integers(-6, 2)).astype("f")
        weights.grad = torch.tensor(gradient)
        optimizer.step()
        adam_step(learner, gradient, step, adam)
    state = optimizer.state[weights]
    ours = [each.vector for each in learner]
    theirs = [weights.detach(), state["exp_avg"], state["exp_avg_sq"]]
    for found, expected in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("length", [1e-3, 0.5, 40.0])
def test_gradients_are_shortened_as_in_pytorch(length, rng):
    gradient = rng.normal(size=500).astype(np.float32)
    gradient *= np.float32(length) / np.linalg.norm(gradient)
    weights = torch.nn.Parameter(torch.zeros(500))
    weights.grad = torch.tensor(gradient)
    torch.nn.utils.clip_grad_norm_([weights], 0.5)
    clip_norm(gradient, 0.5)
    np.testing.assert_allclose(gradient, weights.grad.numpy(), rtol=1e-5, atol=1e-8)


def test_a_gradient_that_is_no_number_stays_none():
    gradient = np.array([np.nan, 1], np.float32)
    clip_norm(gradient, 0.5)
    assert np.isnan(gradient).any()


def test_a_pass_reads_every_step_once_in_another_order_each_time(rng, monkeypatch):
    seen: list[np.ndarray] = []
    original = updating.objective

    def watch(logits, values, batch, weighting):
        seen.append(batch.returns)
        return original(logits, values, batch, weighting)

    monkeypatch.setattr(updating, "objective", watch)
    steps = rollout(rng, 40)
    report = update(new_learner(rng), 0, steps, SETTINGS)
    assert [len(each) for each in seen] == 3 * [16, 16, 8]
    assert [len(each) for each in report.passes] == 3 * [3]
    passes = [np.concatenate(seen[k : k + 3]) for k in (0, 3, 6)]
    for each in passes:
        np.testing.assert_array_equal(np.sort(each), np.sort(steps.returns))
    assert not np.array_equal(passes[0], passes[1])
    assert report.steps == 9


def test_an_update_ends_before_the_step_that_follows_too_large_a_divergence(rng):
    settings = SETTINGS._replace(epochs=100, target_kl=0.01)
    learner = new_learner(rng)
    report = update(learner, 5, rollout(rng, 40), settings)
    losses = [each for minibatches in report.passes for each in minibatches]
    assert losses[-1].approx_kl > 0.015
    assert all(each.approx_kl <= 0.015 for each in losses[:-1])
    assert report.steps == 5 + len(losses) - 1


def test_an_update_lowers_the_loss(rng):
    report = update(new_learner(rng), 0, rollout(rng, 200), SETTINGS._replace(epochs=20))
    first, last = (np.mean([each.total for each in report.passes[k]]) for k in (0, -1))
    assert last < first

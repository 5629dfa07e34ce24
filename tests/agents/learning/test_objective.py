"""The loss of PPO: values and derivatives are those of sb3-contrib's distribution and autograd."""

import numpy as np
import pytest
import torch
from sb3_contrib.common.maskable.distributions import MaskableCategorical

from rlnas.agents.learning.objective import Losses, Steps, Weighting, log_probabilities, objective

WEIGHTING = Weighting(clip_range=0.2, entropy=0.03, value=0.5)


def minibatch(rng: np.random.Generator, size: int, spread: float, masked: bool) -> tuple:
    """Logits, values and steps; `spread` is how far the policy has moved since the rollout."""
    logits = rng.normal(size=(size, 7)).astype(np.float32)
    masks = rng.random((size, 7)) < 0.5 if masked else np.ones((size, 7), bool)
    masks[:, 3] = True
    actions = np.array([rng.choice(np.flatnonzero(row)) for row in masks])
    now = log_probabilities(logits, masks)[np.arange(size), actions]
    before = now + spread * rng.normal(size=size).astype(np.float32)
    signals = rng.normal(size=(3, size)).astype(np.float32)
    values = signals[0][:, None].copy()
    return logits, values, Steps(logits, masks, actions, before, signals[1], signals[2])


def reference(
    logits: np.ndarray, values: np.ndarray, batch: Steps, weighting: Weighting
) -> tuple[Losses, np.ndarray, np.ndarray]:
    """The same by autograd, as in the update of Stable-Baselines3."""
    by = torch.tensor(logits, requires_grad=True), torch.tensor(values, requires_grad=True)
    _, masks, actions, before, advantages, returns = map(torch.tensor, batch)
    distribution = MaskableCategorical(logits=by[0])
    distribution.apply_masking(masks)
    change = distribution.log_prob(actions) - before
    ratio = torch.exp(change)
    if len(advantages) > 1:
        advantages = (advantages - advantages.mean()) / (advantages.std() + 1e-8)
    clip = weighting.clip_range
    clipped = advantages * torch.clamp(ratio, 1 - clip, 1 + clip)
    policy = -torch.min(advantages * ratio, clipped).mean()
    value = torch.nn.functional.mse_loss(returns, by[1].flatten())
    entropy = -distribution.entropy().mean()
    total = policy + weighting.entropy * entropy + weighting.value * value
    total.backward()
    kl = (ratio - 1 - change).mean()
    share = ((ratio - 1).abs() > clip).float().mean()
    losses = Losses(*(each.item() for each in (policy, value, entropy, total, kl, share)))
    gradients = [each.grad for each in by]
    assert gradients[0] is not None
    assert gradients[1] is not None
    return losses, gradients[0].numpy(), gradients[1].numpy()


@pytest.mark.parametrize("masked", [False, True], ids=["all legal", "masked"])
@pytest.mark.parametrize("spread", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("size", [1, 2, 200])
def test_losses_and_derivatives_are_those_of_autograd(size, spread, masked, rng):
    logits, values, batch = minibatch(rng, size, spread, masked)
    found = objective(logits, values, batch, WEIGHTING)
    expected = reference(logits, values, batch, WEIGHTING)
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(found[2], expected[2], rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("term", Weighting._fields)
def test_each_weight_reaches_its_term(term, rng):
    logits, values, batch = minibatch(rng, 50, 0.5, masked=True)
    changed = WEIGHTING._replace(**{term: 0.7})
    before, after = (objective(logits, values, batch, each) for each in (WEIGHTING, changed))
    assert before[0].total != after[0].total
    expected = reference(logits, values, batch, changed)
    np.testing.assert_allclose(after[1], expected[1], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(after[2], expected[2], rtol=1e-4, atol=1e-6)


def test_illegal_actions_have_no_derivative(rng):
    logits, values, batch = minibatch(rng, 50, 0.5, masked=True)
    assert not objective(logits, values, batch, WEIGHTING)[1][~batch.masks].any()


def test_a_single_legal_action_is_certain_whatever_its_logit(rng):
    logits = np.array([[-2e9, 5.0], [3.0, -7.0]], np.float32)
    masks = np.array([[True, False], [False, True]])
    found = log_probabilities(logits[1:], masks[1:])
    assert found[0, 1] == 0
    batch = Steps(logits, masks, np.array([0, 1]), *np.zeros((3, 2), np.float32))
    losses, by_logits, _ = objective(logits, np.zeros((2, 1), np.float32), batch, WEIGHTING)
    assert losses.entropy == 0
    assert not by_logits.any()

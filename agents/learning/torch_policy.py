"""Between a policy of Stable-Baselines3 with its optimiser, and vectors."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from sb3_contrib.common.maskable.buffers import MaskableRolloutBuffer
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from stable_baselines3.common.buffers import RolloutBuffer
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import FlattenExtractor
from torch import nn

from rlnas.agents.learning.actor_critic import ActorCritic, Layer, Sizes, zeros
from rlnas.agents.learning.updating import Learner
from rlnas.agents.policies.feature_extractors import Selection

_MOMENTS = ("exp_avg", "exp_avg_sq")  # PyTorch's names


def why_not(model: Any) -> str:
    """What is in the way of learning over arrays; empty if nothing is.

    Args:
        model: PPO or MaskablePPO.
    """
    policy, space = model.policy, model.observation_space
    extractor = policy.mlp_extractor
    optimizer = policy.optimizer
    adam = type(optimizer) is torch.optim.Adam and len(optimizer.param_groups) == 1
    odd = ("weight_decay", "amsgrad", "maximize", "differentiable", "capturable")
    plain = {
        "the policy's class": type(policy) in (ActorCriticPolicy, MaskableActorCriticPolicy),
        "features with weights": type(policy.features_extractor) in (FlattenExtractor, Selection),
        "separate features": policy.share_features_extractor,
        "layers other than linear ones and tanh": all(
            [*map(type, stack)] == [nn.Linear, nn.Tanh] * (len(stack) // 2)
            for stack in (extractor.policy_net, extractor.value_net)
        ),
        "observations": isinstance(space, spaces.Box)
        and space.dtype == np.float32
        and len(space.shape) == 1,
        "actions": isinstance(model.action_space, spaces.Discrete)
        and model.action_space.start == 0,
        "the optimiser": adam and not any(optimizer.param_groups[0][name] for name in odd),
        "the rollout buffer": type(model.rollout_buffer) in (RolloutBuffer, MaskableRolloutBuffer),
        "the device": model.device.type == "cpu",
        "clipped values": model.clip_range_vf is None,
        "advantages that are not standardised": model.normalize_advantage,
    }
    return ", ".join(name for name, holds in plain.items() if not holds)


def columns(policy: ActorCriticPolicy) -> list[int] | slice:
    """The entries of an observation that the networks read."""
    extractor = policy.features_extractor
    return extractor.columns if isinstance(extractor, Selection) else slice(None)


def networks(policy: ActorCriticPolicy) -> ActorCritic:
    """A copy of the weights and biases."""
    result = _zeros(policy)
    for (weights, biases), linear in _pairs(policy, result):
        weights[:], biases[:] = linear.weight.detach().numpy().T, linear.bias.detach().numpy()
    return result


def learner(policy: ActorCriticPolicy) -> tuple[Learner, int]:
    """A copy of the weights and moments, and the number of steps of Adam so far."""
    steps = 0
    moments = []
    for name in _MOMENTS:
        moment = _zeros(policy)
        for layer, linear in _pairs(policy, moment):
            for array, tensor in zip(layer, (linear.weight, linear.bias), strict=True):
                if state := policy.optimizer.state.get(tensor):
                    array[:] = state[name].numpy().T
                    steps = int(state["step"])
        moments.append(moment)
    return Learner(networks(policy), *moments), steps


def write_back(policy: ActorCriticPolicy, learner: Learner, steps: int) -> None:
    """Give the weights to the policy, the moments and the number of steps to its optimiser."""
    state = policy.optimizer.state
    for part, name in zip(learner, ("", *_MOMENTS), strict=True):
        for layer, linear in _pairs(policy, part):
            for array, tensor in zip(layer, (linear.weight, linear.bias), strict=True):
                value = torch.from_numpy(np.array(array.T, order="C"))
                if name:
                    state[tensor][name] = value
                else:
                    tensor.data.copy_(value)
                    state[tensor]["step"] = torch.tensor(float(steps))


def _zeros(policy: ActorCriticPolicy) -> ActorCritic:
    actor, critic = (
        (stack[0].in_features, *(linear.out_features for linear in stack))
        for stack in _stacks(policy)
    )
    return zeros(Sizes(actor, critic))


def _pairs(policy: ActorCriticPolicy, vectors: ActorCritic) -> Iterator[tuple[Layer, nn.Linear]]:
    """The layers of both networks, beside the modules of PyTorch that they stand for."""
    for network, stack in zip((vectors.actor, vectors.critic), _stacks(policy), strict=True):
        yield from zip(network, stack, strict=True)


def _stacks(policy: ActorCriticPolicy) -> tuple[list[nn.Linear], list[nn.Linear]]:
    """The linear layers of the actor, and those of the critic."""
    extractor: Any = policy.mlp_extractor
    action_net: Any = policy.action_net
    return (
        [*extractor.policy_net[::2], action_net],
        [*extractor.value_net[::2], policy.value_net],
    )

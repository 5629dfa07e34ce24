"""The feature extractors of `rlnas.agents.policies.features` for training, in PyTorch."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, FlattenExtractor
from torch import nn

from rlnas.agents.policies.features import (
    COLUMNS,
    ENCODER_SIZES,
    N_GLOBAL,
    N_PER_SLOT,
    SLOTS,
    features_dim,
)


class Selection(BaseFeaturesExtractor):
    """Some entries of the observation, unchanged.

    Args:
        observation_space: the observation space of `DesignEnv`.
        features: a key of `rlnas.agents.policies.features.COLUMNS`.
    """

    def __init__(self, observation_space: spaces.Box, features: str):
        super().__init__(observation_space, features_dim(features))
        self.columns = COLUMNS[features]

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """float32 `[batch, features_dim]`."""
        return observations[:, self.columns]


class SlotEncoder(BaseFeaturesExtractor):
    """The entries about the whole network, and a code of each layer by one shared encoder.

    Args:
        observation_space: the observation space of `DesignEnv`.
    """

    def __init__(self, observation_space: spaces.Box):
        super().__init__(observation_space, features_dim(SLOTS))
        layers = [(nn.Linear(*sizes), nn.Tanh()) for sizes in pairwise(ENCODER_SIZES)]
        self.encoder = nn.Sequential(*(module for layer in layers for module in layer))

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """float32 `[batch, features_dim]`."""
        whole, slots = observations[:, :N_GLOBAL], observations[:, N_GLOBAL:]
        slots = slots.unflatten(1, (-1, N_PER_SLOT))
        seen = torch.cat([slots, whole[:, None].expand(-1, slots.shape[1], -1)], dim=2)
        return torch.cat([whole, self.encoder(seen).flatten(1)], dim=1)


EXTRACTORS: dict[str, tuple[type[BaseFeaturesExtractor], dict[str, Any]]] = {
    "flat": (FlattenExtractor, {}),
    "slots": (SlotEncoder, {}),
    "relative": (Selection, {"features": "relative"}),
    "blind": (Selection, {"features": "blind"}),
}
"""Class and arguments of each choice of `TrainConfig.features`."""


def policy_arguments(net_arch: Sequence[int], features: str) -> dict[str, Any]:
    """The arguments of a Stable-Baselines3 policy, apart from its spaces.

    Args:
        net_arch: units in the hidden layers of the policy and of the value network.
        features: a key of `EXTRACTORS`.
    """
    extractor, arguments = EXTRACTORS[features]
    return {
        "net_arch": list(net_arch),
        "features_extractor_class": extractor,
        "features_extractor_kwargs": arguments,
    }

"""The feature extractors of `rlnas.agents.policies.features` for training, in PyTorch."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, FlattenExtractor
from torch import nn

from rlnas.agents.policies.features import (
    N_PER_SLOT,
    SLOT_COLUMNS,
    SLOTS,
    columns,
    encoder_sizes,
    features_dim,
)
from rlnas.agents.policies.layouts import layout_of


class Selection(BaseFeaturesExtractor):
    """Some entries of the observation, unchanged.

    Args:
        observation_space: the observation space of a live environment.
        features: one of `rlnas.agents.policies.features.FEATURES`.
    """

    def __init__(self, observation_space: spaces.Box, features: str):
        layout = layout_of(observation_space)
        super().__init__(observation_space, features_dim(features, layout))
        self.columns = columns(features, layout)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """float32 `[batch, features_dim]`."""
        return observations[:, self.columns]


class SlotEncoder(BaseFeaturesExtractor):
    """The entries about the whole network, and a code of each layer by one shared encoder.

    Args:
        observation_space: the observation space of a live environment.
    """

    def __init__(self, observation_space: spaces.Box):
        layout = layout_of(observation_space)
        super().__init__(observation_space, features_dim(SLOTS, layout))
        self.columns = columns(SLOTS, layout)
        layers = [(nn.Linear(*sizes), nn.Tanh()) for sizes in pairwise(encoder_sizes(layout))]
        self.encoder = nn.Sequential(*(module for layer in layers for module in layer))

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """float32 `[batch, features_dim]`."""
        whole = observations[:, self.columns]
        slots = observations[:, SLOT_COLUMNS].unflatten(1, (-1, N_PER_SLOT))
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

"""Feature extractors: which entries of an observation a policy reads, and in which form."""

from collections.abc import Sequence
from typing import Any

import torch
from gymnasium import spaces
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, FlattenExtractor
from torch import nn

from rlnas.envs.observations import OBSERVATION_NAMES, SLOT_NAMES

BLIND = ("progress",)
"""All that a blind policy reads: it can learn nothing but a fixed sequence of edits."""

_ABSOLUTE = ("classes", "features", "samples", "size", "_connections", "_fan_in")

RELATIVE = tuple(
    name
    for name in OBSERVATION_NAMES
    if not name.endswith(_ABSOLUTE) or name.startswith(("relative", "last"))
)
"""All entries but those about the size of the task. Unseen data may have sizes far outside the
range of the training, and a policy could identify its training tasks by them."""


class Selection(BaseFeaturesExtractor):
    """Some entries of the observation, unchanged.

    Args:
        observation_space: the observation space of `DesignEnv`.
        names: names of the entries, from `OBSERVATION_NAMES`.
    """

    def __init__(self, observation_space: spaces.Box, names: Sequence[str]):
        super().__init__(observation_space, features_dim=len(names))
        self.columns = [OBSERVATION_NAMES.index(name) for name in names]

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """float32 `[batch, len(names)]`."""
        return observations[:, self.columns]


class SlotEncoder(BaseFeaturesExtractor):
    """The entries about the whole network, and a code of each layer by one shared encoder.

    Args:
        observation_space: the observation space of `DesignEnv`.
        width: length of a layer's code.
    """

    def __init__(self, observation_space: spaces.Box, width: int = 16):
        starts = [OBSERVATION_NAMES.index(f"{slot}_present") for slot in SLOT_NAMES]
        self.n_global, n_slots = starts[0], len(starts)
        self.n_entries = (len(OBSERVATION_NAMES) - self.n_global) // n_slots
        super().__init__(observation_space, features_dim=self.n_global + n_slots * width)
        self.encoder = nn.Sequential(
            nn.Linear(self.n_entries + self.n_global, 2 * width),
            nn.Tanh(),
            nn.Linear(2 * width, width),
            nn.Tanh(),
        )

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """float32 `[batch, features_dim]`."""
        whole, slots = observations[:, : self.n_global], observations[:, self.n_global :]
        slots = slots.unflatten(1, (-1, self.n_entries))
        seen = torch.cat([slots, whole[:, None].expand(-1, slots.shape[1], -1)], dim=2)
        return torch.cat([whole, self.encoder(seen).flatten(1)], dim=1)


EXTRACTORS: dict[str, tuple[type[BaseFeaturesExtractor], dict[str, Any]]] = {
    "flat": (FlattenExtractor, {}),
    "slots": (SlotEncoder, {}),
    "relative": (Selection, {"names": RELATIVE}),
    "blind": (Selection, {"names": BLIND}),
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

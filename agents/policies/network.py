"""The network of a trained policy, for acting: NumPy alone, which starts at once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from rlnas.agents.policies.features import (
    N_PER_SLOT,
    N_SLOTS,
    SLOT_COLUMNS,
    SLOTS,
    columns,
    encoder_sizes,
    features_dim,
)
from rlnas.agents.policies.layouts import Layout
from rlnas.files.typed import Damaged, array, shown

Layer = tuple[np.ndarray, np.ndarray]
"""Weights, float32 `[outputs, inputs]`, and biases, float32 `[outputs]`."""

_ENCODERS = tuple(f"{part}features_extractor.encoder" for part in ("", "pi_", "vf_"))
"""Names of the shared encoder, which Stable-Baselines3 has three times. PyTorch keeps the last one
that it reads, and so does `policy_network`."""

_POLICY, _VALUE = "mlp_extractor.policy_net", "mlp_extractor.value_net"
_ACTIONS, _VALUES = "action_net", "value_net"


@dataclass(frozen=True, eq=False)
class PolicyNetwork:
    """The part of an actor-critic policy of Stable-Baselines3 that chooses actions.

    Attributes:
        features: one of `rlnas.agents.policies.features.FEATURES`.
        columns: columns of the observation that are read unchanged.
        encoder: layers of the encoder that the slots share; none with other features.
        hidden: hidden layers.
        output: the layer of the logits.
    """

    features: str
    columns: list[int]
    encoder: tuple[Layer, ...]
    hidden: tuple[Layer, ...]
    output: Layer

    def logits(self, observation: np.ndarray) -> np.ndarray:
        """Unnormalized log-probabilities of the actions.

        Args:
            observation: float32 `[observations]`.

        Returns:
            float32 `[actions]`.
        """
        return _linear(_hidden(self._read(observation), self.hidden), self.output)

    def _read(self, observation: np.ndarray) -> np.ndarray:
        """float32 `[features_dim]`: what the hidden layers receive."""
        whole = observation[self.columns]
        if self.features != SLOTS:
            return whole
        slots = observation[SLOT_COLUMNS].reshape(N_SLOTS, N_PER_SLOT)
        seen = np.hstack([slots, np.tile(whole, (N_SLOTS, 1))])
        return np.concatenate([whole, _hidden(seen, self.encoder).ravel()])


def tensor_shapes(
    net_arch: Sequence[int], features: str, layout: Layout
) -> dict[str, tuple[int, ...]]:
    """The shape of every tensor of a policy, by its name in Stable-Baselines3.

    Args:
        net_arch: units in the hidden layers of the policy and of the value network.
        features: one of `rlnas.agents.policies.features.FEATURES`.
        layout: what the policy sees and may do.
    """
    sizes = (features_dim(features, layout), *net_arch)
    layers: dict[str, tuple[int, int]] = {}
    for encoder in _ENCODERS if features == SLOTS else ():
        layers |= _stacked(encoder, encoder_sizes(layout))
    n_actions = len(layout.actions)
    for branch, head, outputs in ((_POLICY, _ACTIONS, n_actions), (_VALUE, _VALUES, 1)):
        layers |= {**_stacked(branch, sizes), head: (sizes[-1], outputs)}
    weights = {f"{name}.weight": shape[::-1] for name, shape in layers.items()}
    return {**weights, **{f"{name}.bias": shape[1:] for name, shape in layers.items()}}


def check_tensors(
    tensors: Mapping[str, np.ndarray], net_arch: Sequence[int], features: str, layout: Layout
) -> None:
    """Check that tensors are those of a policy: names, types, shapes, finite values.

    Args:
        tensors: the tensors by name.
        net_arch: as for `tensor_shapes`.
        features: as for `tensor_shapes`.
        layout: as for `tensor_shapes`.

    Raises:
        Damaged: they are not.
    """
    if not all(np.isfinite(tensor).all() for tensor in tensors.values()):
        raise Damaged("not all weights are finite")
    rest = dict(tensors)
    for name, shape in tensor_shapes(net_arch, features, layout).items():
        array(rest, name, np.float32, shape)
    if rest:
        raise Damaged(f"no policy has arrays {shown(sorted(rest))}")


def policy_network(
    tensors: Mapping[str, np.ndarray], net_arch: Sequence[int], features: str, layout: Layout
) -> PolicyNetwork:
    """The network with tensors that `check_tensors` accepts."""

    def layer(name: str) -> Layer:
        return tensors[f"{name}.weight"], tensors[f"{name}.bias"]

    encoder = _names(_ENCODERS[-1], len(encoder_sizes(layout)) - 1 if features == SLOTS else 0)
    hidden = _names(_POLICY, len(net_arch))
    return PolicyNetwork(
        features,
        columns(features, layout),
        tuple(map(layer, encoder)),
        tuple(map(layer, hidden)),
        layer(_ACTIONS),
    )


def _names(stack: str, layers: int) -> Iterator[str]:
    """The names of stacked linear layers, each followed by a tanh, which is counted too."""
    return (f"{stack}.{2 * k}" for k in range(layers))


def _stacked(stack: str, sizes: Sequence[int]) -> dict[str, tuple[int, int]]:
    """Inputs and outputs of stacked layers by name."""
    return dict(zip(_names(stack, len(sizes) - 1), pairwise(sizes), strict=True))


def _hidden(values: np.ndarray, layers: Sequence[Layer]) -> np.ndarray:
    for layer in layers:
        values = np.tanh(_linear(values, layer))
    return values


def _linear(values: np.ndarray, layer: Layer) -> np.ndarray:
    weights, biases = layer
    return values @ weights.T + biases

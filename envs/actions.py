"""The action table: operation x layer x amount, which actions are legal now, and doing one."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rlnas import edits
from rlnas.network import SparseNetwork
from rlnas.probe import Probe
from rlnas.scoring import reference_weights

MAX_DEPTH = 3
"""Hidden layers a design may have."""

MAX_WIDTH = 512
"""Neurons a hidden layer may have."""

MAX_RELATIVE_SIZE = 2
"""Active weights a design may have, as a multiple of `reference_weights`."""

OPERATIONS = (
    "none",
    "add_connections",
    "remove_connections",
    "add_neurons",
    "remove_neurons",
    "add_layer",
    "remove_layer",
)

FACTORS = (1.25, 2.0)
"""How much adding multiplies what is there; removing divides by the same."""

OUTPUT = MAX_DEPTH
"""Slot of the output layer; the hidden layers have slots 0, 1, ... from the input side."""

ALL_LAYERS = -1
"""Slot that stands for the whole network."""


@dataclass(frozen=True)
class Action:
    """One entry of the table.

    Attributes:
        operation: one of `OPERATIONS`.
        slot: which layer: 0 to `MAX_DEPTH - 1` for a hidden layer, `OUTPUT` or `ALL_LAYERS`. A
            layer is added in front of the layer that has this slot now, or behind the last.
        factor: one of `FACTORS`, or 1 where no amount is needed.
    """

    operation: str
    slot: int = ALL_LAYERS
    factor: float = 1.0

    def __str__(self) -> str:
        place = {ALL_LAYERS: "all", OUTPUT: "output"}.get(self.slot, f"hidden {self.slot + 1}")
        if self.operation == "none":
            return "none"
        sign = "/" if self.operation.startswith("remove") else "x"
        amount = f" {sign}{self.factor:g}" if self.factor != 1 else ""
        return f"{self.operation} {place}{amount}"


def _table() -> tuple[Action, ...]:
    hidden = range(MAX_DEPTH)
    table = [Action("none")]
    for operation in ("add_connections", "remove_connections"):
        for slot in (ALL_LAYERS, *hidden, OUTPUT):
            table += [Action(operation, slot, factor) for factor in FACTORS]
    for operation in ("add_neurons", "remove_neurons"):
        for slot in hidden:
            table += [Action(operation, slot, factor) for factor in FACTORS]
    for operation in ("add_layer", "remove_layer"):
        table += [Action(operation, slot) for slot in hidden]
    return tuple(table)


ACTIONS = _table()
"""All actions, in the order of their numbers; the same for every data set."""


def layer_of(slot: int, network: SparseNetwork) -> int | None:
    """Index into `layer_sizes` of the layer in a slot; None if the network has no such layer."""
    if slot == OUTPUT:
        return network.depth + 1
    return slot + 1 if slot < network.depth else None


_SLOTS = np.array([action.slot for action in ACTIONS])
_IS = {name: np.array([action.operation == name for action in ACTIONS]) for name in OPERATIONS}
_OF_NEURONS = _IS["add_neurons"] | _IS["remove_neurons"]
_SHARES = np.array(
    [
        1 - 1 / action.factor if action.operation.startswith("remove") else action.factor - 1
        for action in ACTIONS
    ]
)


class _Layers(NamedTuple):
    """What the rules ask about the layer of each action, 0 if there is none; int64 `[actions]`."""

    connections: np.ndarray  # into it
    inactive: np.ndarray  # pairs of units that could be connected into it
    width: np.ndarray
    neuron: np.ndarray  # connections that a new neuron brings


def _layers(network: SparseNetwork) -> _Layers:
    sizes, into = network.layer_sizes, network.connections_into
    places = np.zeros((4, MAX_DEPTH + 2), np.int64)  # the last is `ALL_LAYERS`
    earlier = sizes[0]
    for layer in range(1, len(sizes)):
        hidden = layer <= network.depth
        neuron = sum(edits.typical_fans(network, layer)) if hidden else 0
        slot = layer - 1 if hidden else OUTPUT
        inactive = earlier * sizes[layer] - into[layer]
        places[:, slot] = into[layer], inactive, sizes[layer], neuron
        earlier += sizes[layer]
    places[:2, ALL_LAYERS] = places[:2].sum(axis=1)
    return _Layers(*places[:, _SLOTS])


def _amounts(layers: _Layers) -> np.ndarray:
    present = np.where(_OF_NEURONS, layers.width, layers.connections)
    return np.maximum(1, np.rint(_SHARES * present)).astype(np.int64)


def amount(action: Action, network: SparseNetwork) -> int:
    """How many connections or neurons the action adds or removes, at least 1.

    The network must have the layer the action names.
    """
    return int(_amounts(_layers(network))[ACTIONS.index(action)])


def legal_actions(network: SparseNetwork) -> np.ndarray:
    """Bool `[len(ACTIONS)]`: which actions are legal; "none" always is.

    An action is legal if the network has what it needs and stays within the limits.
    """
    layers = _layers(network)
    counts = _amounts(layers)
    weights = network.active_weights
    room = MAX_RELATIVE_SIZE * reference_weights(network.n_inputs, network.n_outputs) - weights
    adds_connections = counts <= np.minimum(room, layers.inactive)
    removes_connections = (counts < layers.connections) & (counts <= weights - network.n_outputs)
    adds_neurons = (layers.width + counts <= MAX_WIDTH) & (counts * layers.neuron <= room)
    legal = _IS["remove_layer"] | (_IS["add_connections"] & adds_connections)
    legal |= _IS["remove_connections"] & removes_connections
    legal |= (_IS["add_neurons"] & adds_neurons) | (_IS["remove_neurons"] & (counts < layers.width))
    legal &= (layers.width > 0) | (_SLOTS == ALL_LAYERS)
    legal |= _IS["none"]
    for number in np.flatnonzero(_IS["add_layer"]):
        slot = ACTIONS[number].slot
        wide = slot == 0 and network.n_outputs > MAX_WIDTH
        fits = slot <= network.depth < MAX_DEPTH and not wide
        legal[number] = fits and _layer_cost(slot, network) <= room
    return legal


def _layer_cost(slot: int, network: SparseNetwork) -> int:
    """Connections that adding a layer in a slot brings."""
    if slot > 0:
        return network.layer_sizes[slot]
    fan_in, _ = edits.typical_fans(network, 1)
    return network.n_outputs * (fan_in + network.n_outputs)


def apply(
    action: Action, network: SparseNetwork, probe: Probe, rng: np.random.Generator
) -> SparseNetwork:
    """The network after a legal action; the one given is not changed.

    Raises:
        EditError: the edit would leave no network after all.
    """
    operation, slot = action.operation, action.slot
    if operation == "none":
        return network
    if operation == "add_layer":
        return edits.add_layer(network, probe, slot + 1, rng)
    if operation.endswith("connections"):
        layer = None if slot == ALL_LAYERS else layer_of(slot, network)
        count = amount(action, network)
        if operation == "add_connections":
            return edits.add_connections(network, probe, count, layer)
        return edits.remove_connections(network, count, layer)
    layer = layer_of(slot, network)
    assert layer is not None
    if operation == "remove_layer":
        return edits.remove_layer(network, probe, layer)
    count = amount(action, network)
    if operation == "add_neurons":
        return edits.add_neurons(network, probe, count, layer, rng)
    return edits.remove_neurons(network, probe, count, layer)

"""The action table: operation x layer x amount, which actions are legal now, and doing one."""

from dataclasses import dataclass
from itertools import accumulate

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


def amount(action: Action, network: SparseNetwork) -> int:
    """How many connections or neurons the action adds or removes, at least 1.

    The network must have the layer the action names.
    """
    layer = None if action.slot == ALL_LAYERS else layer_of(action.slot, network)
    if action.operation.endswith("neurons"):
        assert layer is not None
        present = network.layer_sizes[layer]
    else:
        present = _present(layer, network)
    share = 1 - 1 / action.factor if action.operation.startswith("remove") else action.factor - 1
    return max(1, round(share * present))


def is_legal(action: Action, network: SparseNetwork) -> bool:
    """Whether the network has what the action needs, and stays within the limits."""
    operation, slot = action.operation, action.slot
    if operation == "none":
        return True
    limit = MAX_RELATIVE_SIZE * reference_weights(network.n_inputs, network.n_outputs)
    room = limit - network.active_weights
    if operation == "add_layer":
        wide = slot == 0 and network.n_outputs > MAX_WIDTH
        return slot <= network.depth < MAX_DEPTH and not wide and _layer_cost(slot, network) <= room
    layer = None if slot == ALL_LAYERS else layer_of(slot, network)
    if slot != ALL_LAYERS and layer is None:
        return False
    if operation == "remove_layer":
        return True
    count = amount(action, network)
    if operation == "add_connections":
        return count <= min(room, _inactive_pairs(layer, network))
    if operation == "remove_connections":
        return (
            count < _present(layer, network) and count <= network.active_weights - network.n_outputs
        )
    assert layer is not None
    width = network.layer_sizes[layer]
    if operation == "remove_neurons":
        return count < width
    cost = count * sum(edits.typical_fans(network, layer))
    return width + count <= MAX_WIDTH and cost <= room


def _present(layer: int | None, network: SparseNetwork) -> int:
    """Connections into a layer, or into all of them."""
    return network.active_weights if layer is None else network.connections_into[layer]


def _inactive_pairs(layer: int | None, network: SparseNetwork) -> int:
    before = accumulate(network.layer_sizes, initial=0)
    pairs = [width * n for width, n in zip(network.layer_sizes, before, strict=False)]
    return (sum(pairs) if layer is None else pairs[layer]) - _present(layer, network)


def _layer_cost(slot: int, network: SparseNetwork) -> int:
    """Connections that adding a layer in a slot brings."""
    if slot > 0:
        return network.layer_sizes[slot]
    fan_in, _ = edits.typical_fans(network, 1)
    return network.n_outputs * (fan_in + network.n_outputs)


def legal_actions(network: SparseNetwork) -> np.ndarray:
    """Bool `[len(ACTIONS)]`: which actions are legal; "none" always is."""
    return np.array([is_legal(action, network) for action in ACTIONS])


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

"""The action table: operation x layer x amount, which actions are legal now, and doing one."""

from dataclasses import dataclass

import numpy as np

from rlnas.nn import edits
from rlnas.nn.gradients import GradientSample
from rlnas.nn.kernels import compiled
from rlnas.nn.network import SparseNetwork
from rlnas.nn.rewiring import mean_fans
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
(
    _NONE,
    _ADD_CONNECTIONS,
    _REMOVE_CONNECTIONS,
    _ADD_NEURONS,
    _REMOVE_NEURONS,
    _ADD_LAYER,
    _REMOVE_LAYER,
) = range(len(OPERATIONS))

NO_OP = 0
"""The action that changes nothing, in live and tabular environments alike."""

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


_NUMBERS = {action: number for number, action in enumerate(ACTIONS)}
_CODES = np.array([OPERATIONS.index(action.operation) for action in ACTIONS])
_SLOTS = np.array([action.slot for action in ACTIONS])
_SHARES = np.array(
    [
        1 - 1 / action.factor if action.operation.startswith("remove") else action.factor - 1
        for action in ACTIONS
    ]
)


def _rules(network: SparseNetwork) -> tuple[np.ndarray, np.ndarray]:
    """int64 and bool `[len(ACTIONS)]`: amounts (0 where none is needed), and what is legal."""
    amounts, legal = np.zeros(len(ACTIONS), np.int64), np.zeros(len(ACTIONS), bool)
    limit = MAX_RELATIVE_SIZE * reference_weights(network.n_inputs, network.n_outputs)
    sizes = np.array(network.layer_sizes)
    _fill_in(_CODES, _SLOTS, _SHARES, sizes, network.block_counts, limit, amounts, legal)
    return amounts, legal


@compiled
def _fill_in(codes, slots, shares, sizes, counts, limit, amounts, legal):
    """The rules, for all actions at once.

    Args:
        codes: int64 `[actions]`, indices into `OPERATIONS`.
        slots: int64 `[actions]`.
        shares: float64 `[actions]`, of what is there, that is added or removed.
        sizes: int64 `[layers]`, of the network.
        counts: int64 `[layers, layers]`, connections into layer i from layer j.
        limit: connections that a network may have.
        amounts: int64 `[actions]`, receives how many; stays where none is needed.
        legal: bool `[actions]`, set where an action is legal.
    """
    output = sizes.size - 1
    depth = output - 1
    weights = counts.sum()
    room = limit - weights
    for number in range(codes.size):
        code, slot = codes[number], slots[number]
        if code == _NONE:
            legal[number] = True
            continue
        if code == _ADD_LAYER:
            cost = sizes[min(slot, output)]  # as many neurons as the layer before, if hidden
            if slot == 0:
                fan_in, _ = mean_fans(counts, 1, sizes[1])
                cost = sizes[output] * (fan_in + sizes[output])
            wide = slot == 0 and sizes[output] > MAX_WIDTH
            legal[number] = slot <= depth < MAX_DEPTH and not wide and cost <= room
            continue
        layer = output if slot == OUTPUT else slot + 1  # 0 stands for all
        if slot != OUTPUT and slot >= depth:
            continue
        if code == _REMOVE_LAYER:
            legal[number] = True
            continue
        connections = counts[layer].sum() if layer > 0 else weights
        of_neurons = code in (_ADD_NEURONS, _REMOVE_NEURONS)
        present = sizes[layer] if of_neurons else connections
        amount = max(1, int(np.rint(shares[number] * present)))
        amounts[number] = amount
        if code == _ADD_CONNECTIONS:
            inactive = -connections
            for reader in range(1, sizes.size):
                if layer == 0 or layer == reader:
                    inactive += sizes[:reader].sum() * sizes[reader]
            legal[number] = amount <= min(room, inactive)
        elif code == _REMOVE_CONNECTIONS:
            legal[number] = amount < connections and amount <= weights - sizes[output]
        elif code == _REMOVE_NEURONS:
            legal[number] = amount < sizes[layer]
        else:
            fan_in, fan_out = mean_fans(counts, layer, sizes[layer])
            fits = sizes[layer] + amount <= MAX_WIDTH
            legal[number] = fits and amount * (fan_in + fan_out) <= room


def amount(action: Action, network: SparseNetwork) -> int:
    """How many connections or neurons the action adds or removes, at least 1.

    The network must have the layer the action names.
    """
    return int(_rules(network)[0][_NUMBERS[action]])


def legal_actions(network: SparseNetwork) -> np.ndarray:
    """Bool `[len(ACTIONS)]`: which actions are legal; "none" always is.

    An action is legal if the network has what it needs and stays within the limits.
    """
    return _rules(network)[1]


def apply(
    action: Action, network: SparseNetwork, probe: GradientSample, rng: np.random.Generator
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

"""The action table: operation x layer x amount, which actions are legal now, and doing one."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rlnas.jit import compile_loops
from rlnas.nn import edits
from rlnas.nn.gradients import GradientSample
from rlnas.nn.kernels.fast_math import FASTMATH, part
from rlnas.nn.network import SparseNetwork
from rlnas.nn.rewiring import mean_fans
from rlnas.scoring import REFERENCE_WIDTH

MAX_DEPTH = 3
"""Hidden layers a design may have."""

MAX_WIDTH = 512
"""Neurons a hidden layer may have."""

MAX_RELATIVE_SIZE = 2
"""Active weights a design may have, as a multiple of `reference_weights`."""

NO_OP = 0
"""The action that changes nothing, in live and tabular environments alike."""

FACTORS = (1.25, 2.0)
"""How much adding multiplies what is there; removing divides by the same."""

OUTPUT = MAX_DEPTH
"""Slot of the output layer; the hidden layers have slots 0, 1, ... from the input side."""

ALL_LAYERS = -1
"""Slot that stands for all layers together."""


Saliency = Callable[[SparseNetwork], np.ndarray]
"""Importance of each connection of a network, float `[connections]`."""


class Shape(NamedTuple):
    """What the rules of the operations depend on.

    A layer is an index into `sizes`; 0, into which no connection leads, stands for all layers.

    Attributes:
        sizes: int64 `[layers]`, numbers of units.
        counts: int64 `[layers, layers]`, numbers of connections into layer i from layer j.
        into: int64 `[layers]`, numbers of connections into each layer; of all connections at 0.
        room: number of connections that may still be added.
    """

    sizes: np.ndarray
    counts: np.ndarray
    into: np.ndarray
    room: int


@part
def _shape(starts: np.ndarray, counts: np.ndarray) -> Shape:
    """The shape of a network."""
    sizes, into = np.empty(starts.size - 1, np.int64), np.zeros(starts.size - 1, np.int64)
    for layer in range(sizes.size):
        sizes[layer] = starts[layer + 1] - starts[layer]
    limit = MAX_RELATIVE_SIZE * REFERENCE_WIDTH * (sizes[0] + sizes[-1])
    for layer in range(1, sizes.size):
        for source in range(layer):
            into[layer] += counts[layer, source]
        into[0] += into[layer]
    return Shape(sizes, counts, into, limit - into[0])


class Tools(NamedTuple):
    """What edits need beside the network.

    Attributes:
        probe: activations and gradients of the network on a few training samples.
        rng: source of randomness.
        saliency: importance of connections; the least important are removed.
    """

    probe: GradientSample
    rng: np.random.Generator
    saliency: Saliency


# Each operation has a rule, which gives how many connections or neurons it adds or removes (0 if
# there is no amount) and whether that is legal in a layer that the network has, and an effect,
# which carries it out. The rules are compiled: in plain Python all masks of a step take 60 us
# instead of 7, which is 5 % of a step on digits.

# --- none ---


@part
def _none_rule(shape: Shape, layer: int, factor: float) -> tuple[int, bool]:
    return 0, True


def _none(network: SparseNetwork, layer: int, amount: int, tools: Tools) -> SparseNetwork:
    return network


# --- add connections, where the gradient is largest ---


@part
def _add_connections_rule(shape: Shape, layer: int, factor: float) -> tuple[int, bool]:
    absent, before = -shape.into[layer], 0
    for reader in range(1, shape.sizes.size):
        before += shape.sizes[reader - 1]
        if layer in (0, reader):
            absent += before * shape.sizes[reader]
    amount = _share(factor - 1, shape.into[layer])
    return amount, amount <= min(shape.room, absent)


def _add_connections(
    network: SparseNetwork, layer: int, amount: int, tools: Tools
) -> SparseNetwork:
    return edits.add_connections(network, tools.probe, amount, layer or None)


# --- remove connections, the least salient; as many as there are outputs stay ---


@part
def _remove_connections_rule(shape: Shape, layer: int, factor: float) -> tuple[int, bool]:
    amount = _share(1 - 1 / factor, shape.into[layer])
    left = shape.into[0] - amount
    return amount, amount < shape.into[layer] and left >= shape.sizes[-1]


def _remove_connections(
    network: SparseNetwork, layer: int, amount: int, tools: Tools
) -> SparseNetwork:
    return edits.remove_connections(network, amount, layer or None, tools.saliency)


# --- add neurons, with as many connections as the others have on average ---


@part
def _add_neurons_rule(shape: Shape, layer: int, factor: float) -> tuple[int, bool]:
    width = shape.sizes[layer]
    amount = _share(factor - 1, width)
    fan_in, fan_out = mean_fans(shape.counts, layer, width)
    fits = width + amount <= MAX_WIDTH
    return amount, fits and amount * (fan_in + fan_out) <= shape.room


def _add_neurons(network: SparseNetwork, layer: int, amount: int, tools: Tools) -> SparseNetwork:
    return edits.add_neurons(network, tools.probe, amount, layer, tools.rng)


# --- remove neurons, the least salient ---


@part
def _remove_neurons_rule(shape: Shape, layer: int, factor: float) -> tuple[int, bool]:
    amount = _share(1 - 1 / factor, shape.sizes[layer])
    return amount, amount < shape.sizes[layer]


def _remove_neurons(network: SparseNetwork, layer: int, amount: int, tools: Tools) -> SparseNetwork:
    return edits.remove_neurons(network, tools.probe, amount, layer)


# --- add a layer as wide as the one before; if that is the input layer, as the output layer ---


@part
def _add_layer_rule(shape: Shape, layer: int, factor: float) -> tuple[int, bool]:
    width, connections = shape.sizes[layer - 1], shape.sizes[layer - 1]
    fits = shape.sizes.size - 2 < MAX_DEPTH
    if layer == 1:
        width = shape.sizes[-1]
        fan_in, _ = mean_fans(shape.counts, 1, shape.sizes[1])
        connections = width * (fan_in + width)
        fits = fits and width <= MAX_WIDTH
    return 0, fits and connections <= shape.room


def _add_layer(network: SparseNetwork, layer: int, amount: int, tools: Tools) -> SparseNetwork:
    return edits.add_layer(network, tools.probe, layer, tools.rng)


# --- remove a layer, and connect its sources to its readers ---


@part
def _remove_layer_rule(shape: Shape, layer: int, factor: float) -> tuple[int, bool]:
    return 0, True


def _remove_layer(network: SparseNetwork, layer: int, amount: int, tools: Tools) -> SparseNetwork:
    return edits.remove_layer(network, tools.probe, layer)


@part
def _share(share: float, count: int) -> int:
    return max(1, int(np.rint(share * count)))


_EFFECTS: dict[str, Callable[[SparseNetwork, int, int, Tools], SparseNetwork]] = {
    "none": _none,
    "add_connections": _add_connections,
    "remove_connections": _remove_connections,
    "add_neurons": _add_neurons,
    "remove_neurons": _remove_neurons,
    "add_layer": _add_layer,
    "remove_layer": _remove_layer,
}

OPERATIONS = tuple(_EFFECTS)
"""Names of the operations, in live and tabular environments alike."""


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

_CODES = np.array([OPERATIONS.index(action.operation) for action in ACTIONS])
_SLOTS = np.array([action.slot for action in ACTIONS])
_FACTORS = np.array([action.factor for action in ACTIONS])
(
    _NONE,
    _ADD_CONNECTIONS,
    _REMOVE_CONNECTIONS,
    _ADD_NEURONS,
    _REMOVE_NEURONS,
    _ADD_LAYER,
    _REMOVE_LAYER,
) = range(len(OPERATIONS))


class Judgement(NamedTuple):
    """What the rules say of every action."""

    amounts: np.ndarray  # int64 [len(ACTIONS)], numbers of connections or neurons
    legal: np.ndarray  # bool [len(ACTIONS)]


def judge(network: SparseNetwork) -> Judgement:
    """Apply the rules to a network.

    An action is legal if the network has the layer it names and stays within the limits; "none"
    always is.
    """
    found = Judgement(np.empty(len(ACTIONS), np.int64), np.empty(len(ACTIONS), bool))
    _judge(network.starts, network.block_counts, *found)
    return found


@compile_loops(FASTMATH, brief=True)
def _judge(
    starts: np.ndarray,
    counts: np.ndarray,
    amounts: np.ndarray,
    legal: np.ndarray,
) -> None:
    """Apply the rule of its operation to every action whose layer the network has.

    Args:
        starts: int64 `[layers + 1]`, as in `rlnas.nn.network.SparseNetwork`.
        counts: see `Shape`.
        amounts: int64 `[actions]`, receives numbers of connections or neurons.
        legal: bool `[actions]`, receives whether the action is legal.
    """
    shape = _shape(starts, counts)
    depth = starts.size - 3
    for number in range(_CODES.size):
        amounts[number], legal[number] = 0, False
        code, slot, factor = _CODES[number], _SLOTS[number], _FACTORS[number]
        layer = depth + 1 if slot == OUTPUT else slot + 1
        places = depth + 1 if code == _ADD_LAYER else depth  # one more, behind the last
        if slot != OUTPUT and slot >= places:
            continue
        if code == _NONE:
            amounts[number], legal[number] = _none_rule(shape, layer, factor)
        elif code == _ADD_CONNECTIONS:
            amounts[number], legal[number] = _add_connections_rule(shape, layer, factor)
        elif code == _REMOVE_CONNECTIONS:
            amounts[number], legal[number] = _remove_connections_rule(shape, layer, factor)
        elif code == _ADD_NEURONS:
            amounts[number], legal[number] = _add_neurons_rule(shape, layer, factor)
        elif code == _REMOVE_NEURONS:
            amounts[number], legal[number] = _remove_neurons_rule(shape, layer, factor)
        elif code == _ADD_LAYER:
            amounts[number], legal[number] = _add_layer_rule(shape, layer, factor)
        elif code == _REMOVE_LAYER:
            amounts[number], legal[number] = _remove_layer_rule(shape, layer, factor)


LOOPS = (_judge,)
"""What is compiled here."""


def apply(
    number: int,
    network: SparseNetwork,
    judgement: Judgement,
    probe: GradientSample,
    rng: np.random.Generator,
    saliency: Saliency = edits.saliency,
) -> SparseNetwork:
    """The network after a legal action; the one given is not changed.

    Args:
        number: place of the action in `ACTIONS`.
        network: the network.
        judgement: what the rules say of the network.
        probe: activations and gradients of this network on a few training samples.
        rng: source of randomness.
        saliency: importance of connections; the least important are removed.

    Raises:
        EditError: the edit would leave no network after all.
    """
    action, amount = ACTIONS[number], int(judgement.amounts[number])
    layer = network.depth + 1 if action.slot == OUTPUT else action.slot + 1
    return _EFFECTS[action.operation](network, layer, amount, Tools(probe, rng, saliency))

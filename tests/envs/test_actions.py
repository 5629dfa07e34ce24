"""The action table, which actions are legal, and what they do."""

import numpy as np
import pytest

from rlnas.envs.actions import ACTIONS, Action, apply, judge
from rlnas.nn import training
from rlnas.nn.edits import EditError
from rlnas.nn.gradients import GradientSample
from rlnas.nn.initialization import random_network
from rlnas.nn.network import SparseNetwork
from rlnas.nn.running import sample_gradients
from tests.core.reference import (
    allowed,
    bits as network_bits,
    network_of,
    random_dataset,
    skip_network,
)
from tests.envs.helpers import TASK, network_by_hand, sparse_network

TABLE = [
    "none",
    "add_connections all x1.25",
    "add_connections all x2",
    "add_connections hidden 1 x1.25",
    "add_connections hidden 1 x2",
    "add_connections hidden 2 x1.25",
    "add_connections hidden 2 x2",
    "add_connections hidden 3 x1.25",
    "add_connections hidden 3 x2",
    "add_connections output x1.25",
    "add_connections output x2",
    "remove_connections all /1.25",
    "remove_connections all /2",
    "remove_connections hidden 1 /1.25",
    "remove_connections hidden 1 /2",
    "remove_connections hidden 2 /1.25",
    "remove_connections hidden 2 /2",
    "remove_connections hidden 3 /1.25",
    "remove_connections hidden 3 /2",
    "remove_connections output /1.25",
    "remove_connections output /2",
    "add_neurons hidden 1 x1.25",
    "add_neurons hidden 1 x2",
    "add_neurons hidden 2 x1.25",
    "add_neurons hidden 2 x2",
    "add_neurons hidden 3 x1.25",
    "add_neurons hidden 3 x2",
    "remove_neurons hidden 1 /1.25",
    "remove_neurons hidden 1 /2",
    "remove_neurons hidden 2 /1.25",
    "remove_neurons hidden 2 /2",
    "remove_neurons hidden 3 /1.25",
    "remove_neurons hidden 3 /2",
    "add_layer hidden 1",
    "add_layer hidden 2",
    "add_layer hidden 3",
    "remove_layer hidden 1",
    "remove_layer hidden 2",
    "remove_layer hidden 3",
]
"""What trained policies, and the manual of `DesignEnv`, know the numbers as."""

LIMIT = 2 * 76 * (6 + 3)
"""Weights that a network of 6 inputs and 3 outputs may have."""


def after_action(
    action: Action, network: SparseNetwork, probe: GradientSample, rng: np.random.Generator
) -> SparseNetwork:
    return apply(ACTIONS.index(action), network, judge(network), probe, rng)


def legal(network: SparseNetwork) -> set[str]:
    """The names of the legal actions."""
    mask = judge(network).legal
    assert mask.dtype == bool
    assert mask.shape == (39,)
    return {name for name, possible in zip(TABLE, mask, strict=True) if possible}


def trained(network: SparseNetwork, seed: int = 0) -> tuple[SparseNetwork, GradientSample]:
    """A network after a few batches of the task, and its probe."""
    network = network.copy()
    rng = np.random.default_rng(seed)
    slowly = training.Hyperparameters(learning_rate=2e-3)  # so that no unit dies
    training.train(network, TASK, training.Batches(TASK.train, rng).take(10), slowly)
    return network, sample_gradients(network, TASK, TASK.train[:64])


def start(kind: str) -> SparseNetwork:
    rng = np.random.default_rng(2)
    match kind:
        case "deep":
            return random_network((6, 12, 10, 8, 3), 0.5, rng)
        case "skips":
            return skip_network((6, 11, 9, 7, 3), rng, density=0.3)
        case "two layers":
            return random_network((6, 7, 9, 3), 0.7, rng)
        case "shallow":
            return random_network((6, 16, 3), 0.4, rng)
        case "tiny":
            return random_network((6, 2, 3), 0.2, rng)
        case _:
            return random_network((6, 3), 0.5, rng)


KINDS = ("deep", "skips", "two layers", "shallow", "tiny", "no hidden layer")


def test_the_table_is_the_documented_one_and_small():
    assert [str(action) for action in ACTIONS] == TABLE
    assert len(set(ACTIONS)) == 39 <= 64


# --- what legal actions do ---


@pytest.mark.parametrize("kind", KINDS)
def test_legal_action_gives_a_valid_network(kind):
    network, asked = trained(start(kind))
    before = network_bits(network)
    for action in ACTIONS:
        if judge(network).legal[ACTIONS.index(action)]:
            after = after_action(action, network, asked, np.random.default_rng(0))
            after.check()
            assert network_bits(network) == before, "the network given was changed"


def by_the_amount(before: int, after: int, action: str) -> bool:
    """Whether a count was changed as the action's name says, to the nearest whole number, >= 1."""
    wanted = {
        "x1.25": before * 1.25,
        "x2": before * 2.0,
        "/1.25": before / 1.25,
        "/2": before / 2.0,
    }[action.split()[-1]]
    return abs(after - wanted) <= 0.5 or abs(after - before) == 1 > abs(wanted - before)


@pytest.mark.parametrize("kind", KINDS)
def test_connections_change_by_the_documented_amount(kind):
    network, asked = trained(start(kind))
    checked = 0
    for action in ACTIONS:
        name = str(action)
        if "connections" not in name or not judge(network).legal[ACTIONS.index(action)]:
            continue
        after = after_action(action, network, asked, np.random.default_rng(0))
        if after.layer_sizes != network.layer_sizes:
            assert name.startswith("remove"), "adding never sweeps"
            continue
        counts = [n.block_counts.sum(axis=1) for n in (network, after)]
        if "all" not in name:
            layer = network.depth + 1 if "output" in name else int(name.split()[2])
            others = np.arange(len(counts[0])) != layer
            np.testing.assert_array_equal(counts[0][others], counts[1][others])
            counts = [count[[layer]] for count in counts]
        assert by_the_amount(counts[0].sum(), counts[1].sum(), name), name
        checked += 1
    assert checked >= 2


@pytest.mark.parametrize("kind", ["deep", "skips", "two layers", "shallow", "tiny"])
def test_neurons_change_by_the_documented_amount(kind):
    network, asked = trained(start(kind))
    checked = 0
    for action in ACTIONS:
        name = str(action)
        if "neurons" not in name or not judge(network).legal[ACTIONS.index(action)]:
            continue
        after = after_action(action, network, asked, np.random.default_rng(0))
        layer = int(name.split()[2])
        before, sizes = list(network.layer_sizes), list(after.layer_sizes)
        if len(sizes) == len(before):
            widths = before.pop(layer), sizes.pop(layer)
            if before == sizes:
                assert by_the_amount(*widths, name), name
                checked += 1
                continue
        assert name.startswith("remove"), "adding never sweeps"
    assert checked >= 2


@pytest.mark.parametrize("kind", KINDS)
def test_layer_is_added_in_front_of_the_named_or_behind_the_last(kind):
    network, asked = trained(start(kind))
    for k in range(1, 4):
        action = ACTIONS[TABLE.index(f"add_layer hidden {k}")]
        if not judge(network).legal[ACTIONS.index(action)]:
            continue
        sizes = network.layer_sizes
        width = 3 if k == 1 else sizes[k - 1]  # as many as outputs, or as the layer before
        after = after_action(action, network, asked, np.random.default_rng(0))
        assert after.layer_sizes == (*sizes[:k], width, *sizes[k:])


@pytest.mark.parametrize("kind", ["deep", "skips", "two layers", "shallow"])
def test_removing_a_layer_leaves_the_others(kind):
    network, asked = trained(start(kind))
    for k in range(1, network.depth + 1):
        action = ACTIONS[TABLE.index(f"remove_layer hidden {k}")]
        after = after_action(action, network, asked, np.random.default_rng(0))
        assert after.depth == network.depth - 1
        others = network.layer_sizes[:k] + network.layer_sizes[k + 1 :]
        assert all(n <= m for n, m in zip(after.layer_sizes, others, strict=True))


def test_none_changes_nothing():
    network, asked = trained(start("deep"))
    after = after_action(ACTIONS[0], network, asked, np.random.default_rng(0))
    assert network_bits(after) == network_bits(network)


# --- which are legal ---


@pytest.mark.parametrize("kind", KINDS)
def test_none_is_always_legal(kind):
    assert "none" in legal(start(kind))


def test_legal_actions_without_hidden_layers():
    network = sparse_network((6, 3), 9)
    assert legal(network) == {
        "none",
        "add_connections all x1.25",
        "add_connections all x2",
        "add_connections output x1.25",
        "add_connections output x2",
        "remove_connections all /1.25",
        "remove_connections all /2",
        "remove_connections output /1.25",
        "remove_connections output /2",
        "add_layer hidden 1",
    }


def test_with_one_hidden_layer_actions_on_others_are_illegal():
    network = sparse_network((6, 4, 3), 20)
    elsewhere = {name for name in TABLE if "hidden 2" in name or "hidden 3" in name}
    assert legal(network) == {*TABLE} - elsewhere | {"add_layer hidden 2"}


def test_three_hidden_layers_are_the_limit():
    network = sparse_network((6, 4, 4, 4, 3), 40)
    assert {*TABLE} - legal(network) == {f"add_layer hidden {k}" for k in (1, 2, 3)}


@pytest.mark.parametrize(
    ("width", "amount", "possible"),
    [(410, "x1.25", True), (411, "x1.25", False), (256, "x2", True), (257, "x2", False)],
)
def test_512_neurons_in_a_layer_are_the_limit(width, amount, possible):
    network = sparse_network((200, width, 10), 2 * width)  # limit: 31,920 weights
    assert (f"add_neurons hidden 1 {amount}" in legal(network)) is possible
    for k in (1, 2):
        assert f"add_layer hidden {k}" in legal(network)


def test_a_layer_as_wide_as_the_outputs_is_illegal_beyond_512_of_them():
    assert "add_layer hidden 1" in legal(sparse_network((1300, 5, 512), 600))
    assert "add_layer hidden 1" not in legal(sparse_network((1300, 5, 513), 600))


@pytest.mark.parametrize(
    ("present", "amount", "possible"),
    [
        (LIMIT // 2, "x2", True),
        (LIMIT // 2 + 1, "x2", False),
        (1094, "x1.25", True),  # 1094 + 274 = 1368
        (1095, "x1.25", False),
    ],
)
def test_twice_the_reference_weights_are_the_limit_for_connections(present, amount, possible):
    network = sparse_network((6, 60, 60, 3), present)
    assert LIMIT == 1368
    assert (f"add_connections all {amount}" in legal(network)) is possible


@pytest.mark.parametrize(("width", "possible"), [(76, True), (77, False)])
def test_twice_the_reference_weights_are_the_limit_for_neurons(width, possible):
    network = network_of(*full((6, width, 3)))  # 9 connections a neuron: 76 have half the limit
    assert ("add_neurons hidden 1 x2" in legal(network)) is possible
    assert "add_neurons hidden 1 x1.25" in legal(network)


def full(sizes: tuple[int, ...]) -> tuple[tuple[int, ...], np.ndarray, np.random.Generator]:
    """Every connection between consecutive layers."""
    layers = np.repeat(np.arange(len(sizes)), sizes)
    mask = layers[None, :] + 1 == layers[sizes[0] :, None]
    return sizes, mask, np.random.default_rng(0)


@pytest.mark.parametrize(("room", "possible"), [(60, True), (59, False)])
def test_twice_the_reference_weights_are_the_limit_for_a_layer(room, possible):
    network = sparse_network((6, 60, 40, 3), LIMIT - room)
    assert ("add_layer hidden 2" in legal(network)) is possible  # 60 copies, one connection each
    assert "add_layer hidden 3" in legal(network)  # 40 copies


def test_without_inactive_pairs_no_connection_can_be_added():
    sizes = (6, 4, 3)
    everything = network_of(sizes, allowed(sizes), np.random.default_rng(0))
    assert not any(name.startswith("add_connections") for name in legal(everything))


def test_connections_can_be_added_only_where_enough_pairs_are_inactive():
    network = network_of(*full((6, 2, 3)))  # 12 + 6 active; 18 from inputs to outputs are not
    assert {name for name in legal(network) if name.startswith("add_connections")} == {
        "add_connections all x1.25",
        "add_connections all x2",
        "add_connections output x1.25",
        "add_connections output x2",
    }
    one_more = network_by_hand((6, 2, 3), [*_pairs(network), (0, 8)])  # 19 active, 17 not
    assert "add_connections all x2" not in legal(one_more)
    assert "add_connections all x1.25" in legal(one_more)


def _pairs(network: SparseNetwork) -> list[tuple[int, int]]:
    return list(zip(network.indices.tolist(), network.targets.tolist(), strict=True))


def test_the_last_connection_of_a_layer_cannot_be_removed():
    single = network_by_hand((6, 1, 3), [(0, 6), (6, 7), (6, 8), (6, 9), (1, 9)])
    removals = {name for name in legal(single) if name.startswith("remove_connections")}
    assert not any("hidden 1" in name for name in removals)
    assert "remove_connections output /1.25" in removals
    two = network_by_hand((6, 1, 3), [(0, 6), (1, 6), (6, 7), (6, 8), (6, 9), (1, 9)])
    assert {"remove_connections hidden 1 /1.25", "remove_connections hidden 1 /2"} <= legal(two)


def test_connections_as_many_as_outputs_stay():
    network = network_by_hand((6, 1, 3), [(0, 6), (6, 7), (6, 8), (6, 9)])
    assert "remove_connections all /1.25" in legal(network)  # 4 - 1 >= 3
    assert "remove_connections all /2" not in legal(network)  # 4 - 2 < 3


def test_the_last_neuron_of_a_layer_cannot_be_removed():
    one = network_by_hand((6, 1, 3), [(0, 6), (6, 7), (6, 8), (6, 9)])
    assert not any(name.startswith("remove_neurons") for name in legal(one))
    two = sparse_network((6, 2, 3), 6)
    assert {"remove_neurons hidden 1 /1.25", "remove_neurons hidden 1 /2"} <= legal(two)


# --- along random walks ---


def walk(network: SparseNetwork, seed: int, steps: int, favoured: str, data=TASK) -> None:
    """Random legal actions, most of them of one kind, with training in between."""
    rng = np.random.default_rng(seed)
    batches = training.Batches(data.train, rng)
    limit = 2 * 76 * (network.n_inputs + network.n_outputs)
    refused = 0
    for _ in range(steps):
        training.train(network, data, batches.take(2))
        possible = np.flatnonzero(judge(network).legal)
        preferred = [k for k in possible if TABLE[k].startswith(favoured)]
        if preferred and rng.random() < 0.7:
            possible = np.array(preferred)
        action = ACTIONS[rng.choice(possible)]
        try:
            after = after_action(
                action, network, sample_gradients(network, data, data.train[:64]), rng
            )
        except EditError:
            assert str(action).startswith("remove"), "what is left may lead nowhere"
            refused += 1
            continue
        after.check()
        assert after.depth <= 3
        assert max(after.layer_sizes[1:-1], default=0) <= 512
        assert after.active_weights <= limit
        network = after.copy()
    assert refused <= 2, "legal actions can be carried out"


@pytest.mark.parametrize("favoured", ["add", "add_neurons", "add_layer", "remove", "none"])
@pytest.mark.parametrize("seed", range(3))
def test_limits_hold_along_random_walks(favoured, seed):
    walk(random_network((6, 8, 3), 0.5, np.random.default_rng(seed)), seed, 60, favoured)


def test_limits_hold_where_they_are_wide():
    data = random_dataset(np.random.default_rng(0), features=90, classes=10, samples=300)
    walk(random_network((90, 40, 10), 0.02, np.random.default_rng(0)), 0, 60, "add_neurons", data)

"""The observation vector: its layout, its bounds, and every entry against a hand-made design."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from rlnas.envs.design_env import DesignEnv
from rlnas.envs.observations import OBSERVATION_NAMES, Snapshot, judge, observe
from rlnas.errors import InputError
from rlnas.nn import edits
from rlnas.nn.gradients import GradientSample, sample_gradients
from rlnas.nn.network import EMA, VALUE, SparseNetwork
from rlnas.nn.training import Evaluation
from tests.envs.helpers import episode, make, network_by_hand
from tests.rlnas.reference import (
    MaskedDense,
    allowed,
    dense,
    network_of,
    random_dataset,
    skip_network,
    torch_loss,
)

DATA = random_dataset(np.random.default_rng(3), features=5, classes=2)
SAMPLES = DATA.train[:64]

SIZES = (5, 4, 3, 2)
WEIGHTS = {  # (source, target): averaged weight; inputs 0-4, hidden 5-8 and 9-11, outputs 12-13
    (0, 5): 0.5,
    (1, 5): -0.25,
    (0, 6): 1.0,
    (0, 7): 0.75,
    (2, 7): -1.5,
    (2, 8): 2.0,
    (0, 9): 0.1,
    (5, 9): 1.0,
    (6, 10): -1.0,
    (7, 10): 0.3,
    (8, 11): 0.7,
    (2, 12): 0.05,
    (9, 12): 1.0,
    (10, 12): 0.5,
    (10, 13): 0.2,
    (11, 13): -0.9,
}


def hand_made() -> SparseNetwork:
    network = network_by_hand(SIZES, list(WEIGHTS))
    pairs = zip(network.indices.tolist(), network.targets.tolist(), strict=True)
    network.connections[EMA] = [WEIGHTS[pair] for pair in pairs]
    return network


NETWORK = hand_made()
PROBE = sample_gradients(NETWORK, DATA, SAMPLES)
NOW = Snapshot(NETWORK, PROBE, Evaluation(0.9, 0.5), Evaluation(0.8, 0.25), 0.77)
SMALLER = network_by_hand((5, 1, 2), [(0, 5), (1, 5), (5, 6), (5, 7)])
BEFORE = Snapshot(
    SMALLER,
    sample_gradients(SMALLER, DATA, SAMPLES),
    Evaluation(0.5, 0.9),
    Evaluation(0.775, 0.9),
    0.74,
)


def entries(
    now: Snapshot = NOW,
    before: Snapshot = BEFORE,
    data=DATA,
    best_score: float = 0.79,
    penalty: float = 0.1,
    progress: float = 0.25,
    action: int = 12,
    refused: bool = False,
) -> dict[str, float]:
    """The observation by the names of its entries."""
    observation = observe(now, before, data, best_score, penalty, progress, action, refused)
    return dict(zip(OBSERVATION_NAMES, observation.tolist(), strict=True))


def slot(name: str, **settings) -> dict[str, float]:
    """The entries of one layer."""
    found = entries(**settings)
    return {key[len(name) + 1 :]: value for key, value in found.items() if key.startswith(name)}


def snapshot_of(network: SparseNetwork, data=DATA) -> Snapshot:
    return replace(NOW, network=network, probe=sample_gradients(network, data, data.train[:64]))


# --- layout ---


def test_names_are_unique_and_as_many_as_entries():
    assert len(set(OBSERVATION_NAMES)) == len(OBSERVATION_NAMES) == 78
    observation = observe(NOW, BEFORE, DATA, 0.79, 0.1, 0.5, 0, False)
    assert observation.shape == (78,)
    assert observation.dtype == np.float32


@pytest.mark.parametrize("dataset", ["digits", "wine", "breast_cancer", "arrays"])
def test_the_layout_is_the_same_for_every_data_set_and_entries_are_finite_and_bounded(dataset):
    rng = np.random.default_rng(0)
    source = (
        (rng.normal(size=(90, 150)), rng.integers(0, 4, 90)) if dataset == "arrays" else dataset
    )
    env = make(source, episode_steps=25)
    assert env.observation_space == make().observation_space
    for observation, *_ in episode(env, seed=1):
        assert env.observation_space.contains(observation)
        assert np.isfinite(observation).all()
        assert np.abs(observation).max() <= 1


def test_extreme_designs_stay_in_bounds():
    worse = replace(BEFORE, validation=Evaluation(0.0, 1e30), score=-1e6)
    better = replace(NOW, validation=Evaluation(1.0, 1e12), training=Evaluation(0.0, 1e12))
    for penalty in (0.0, 1e-12, 1e6):
        for now, before in ((better, worse), (worse, better)):
            values = np.array(list(entries(now, before, penalty=penalty).values()))
            assert np.isfinite(values).all()
            assert np.abs(values).max() <= 1


# --- the task and the design as a whole ---


def test_progress_is_the_share_of_the_episode_that_is_over():
    env = make(episode_steps=4)
    found = [observation[0] for observation, *_ in episode(env, seed=0)]
    assert OBSERVATION_NAMES[0] == "progress"
    assert found == [0, 0.25, 0.5, 0.75, 1]


@pytest.mark.parametrize(
    ("penalty", "entry"), [(0.0, -1), (1e-4, -1), (0.001, -0.5), (0.01, 0), (0.1, 0.5), (1, 1)]
)
def test_the_penalty_is_seen_as_its_logarithm(penalty, entry):
    assert entries(penalty=penalty)["penalty"] == pytest.approx(entry, abs=1e-6)


def test_the_task_is_seen_as_logarithms_of_its_size():
    found = entries()
    assert found["classes"] == pytest.approx(np.log10(2) / 3)
    assert found["features"] == pytest.approx(np.log10(5) / 4)
    assert found["samples"] == pytest.approx(np.log10(180) / 6)


def test_depth_and_size_count_layers_and_connections():
    found = entries()
    reference = 76 * (5 + 2)
    assert found["depth"] == pytest.approx(2 / 3)
    assert found["size"] == pytest.approx(np.log10(16) / 6)
    assert found["relative_size"] == pytest.approx(np.log10(16 / reference) / 3)
    assert found["cost"] == pytest.approx(0.1 * 16 / reference)


def test_inputs_used_is_the_share_of_inputs_with_a_connection():
    assert entries()["inputs_used"] == pytest.approx(3 / 5)  # 0, 1 and 2


def test_accuracy_and_loss_are_those_measured():
    found = entries()
    assert found["validation_accuracy"] == pytest.approx(0.8)
    assert found["validation_loss"] == pytest.approx(0.25 / 1.25)
    assert found["training_accuracy"] == pytest.approx(0.9)
    assert found["training_loss"] == pytest.approx(0.5 / 1.5)
    assert found["generalisation_gap"] == pytest.approx(5 * 0.1)


def test_changes_are_against_the_design_before():
    found = entries()
    assert found["accuracy_change"] == pytest.approx(10 * 0.025)
    assert found["size_change"] == pytest.approx(np.log2(16 / 4) / 2)
    assert found["score_change"] == pytest.approx(10 * 0.03)
    unchanged = entries(before=NOW)
    for name in ("accuracy_change", "size_change", "score_change"):
        assert unchanged[name] == 0


def test_errors_and_cost_are_also_seen_as_logarithms():
    found = entries()
    cost = 0.1 * 16 / (76 * (5 + 2))
    assert found["log_error"] == pytest.approx(np.log10(0.2) / 3)
    assert found["log_training_error"] == pytest.approx(np.log10(0.1) / 3)
    assert found["log_cost"] == pytest.approx(np.log10(cost) / 4)
    assert found["cost_over_error"] == pytest.approx(np.log10(cost / 0.2) / 3)


def test_a_perfect_design_for_nothing_is_at_the_end_of_the_logarithms():
    perfect = Evaluation(1.0, 0.0)
    found = entries(now=replace(NOW, training=perfect, validation=perfect), penalty=0.0)
    assert found["log_error"] == found["log_training_error"] == found["log_cost"] == -1


@pytest.mark.parametrize(
    ("change", "entry"), [(0, 0), (0.001, np.log10(2) / 3), (-0.009, -1 / 3), (0.099, 2 / 3)]
)
def test_small_changes_are_magnified(change, entry):
    before = replace(BEFORE, validation=Evaluation(0.8 - change, 0.9), score=0.77 - change)
    found = entries(before=before)
    assert found["log_accuracy_change"] == pytest.approx(entry, abs=1e-6)
    assert found["log_score_change"] == pytest.approx(entry, abs=1e-6)


def test_the_distance_to_the_best_score_of_the_episode_is_seen():
    assert entries(best_score=0.77)["log_below_best"] == 0
    assert entries(best_score=0.779)["log_below_best"] == pytest.approx(-1 / 3, abs=1e-6)


@pytest.mark.parametrize(
    ("action", "operation", "amount"),
    [
        (0, "none", 0),
        (1, "add_connections", np.log2(1.25)),
        (12, "remove_connections", 1),
        (21, "add_neurons", np.log2(1.25)),
        (32, "remove_neurons", 1),
        (33, "add_layer", 0),
        (38, "remove_layer", 0),
    ],
)
def test_the_last_action_is_seen_by_its_operation_and_amount(action, operation, amount):
    found = entries(action=action)
    named = {key: value for key, value in found.items() if key.startswith("last_")}
    assert named.pop("last_amount") == pytest.approx(amount)
    assert named.pop("last_refused") == 0
    assert {key for key, value in named.items() if value} == {f"last_{operation}"}
    assert sum(named.values()) == 1
    assert len(named) == 7


def test_a_refused_action_is_flagged():
    assert entries(refused=True)["last_refused"] == 1


# --- the slots of the layers ---


def test_an_absent_layer_is_all_zero():
    absent = slot("hidden_3")
    assert len(absent) == 11
    assert not any(absent.values())


def test_every_present_layer_has_the_same_entries():
    assert slot("hidden_1").keys() == slot("hidden_3").keys() == slot("output").keys()
    for name in ("hidden_1", "hidden_2", "output"):
        assert slot(name)["present"] == 1


@pytest.mark.parametrize(
    ("name", "width", "count", "possible"),
    [
        ("hidden_1", 4, 6, 4 * 5),
        ("hidden_2", 3, 5, 3 * (5 + 4)),  # reads inputs and the first hidden layer
        ("output", 2, 5, 2 * (5 + 3)),  # reads inputs and the second hidden layer
    ],
)
def test_a_layer_shows_its_width_connections_and_density(name, width, count, possible):
    found = slot(name)
    assert found["width"] == pytest.approx(np.log10(width) / 3)
    assert found["connections"] == pytest.approx(np.log10(count) / 6)
    assert found["fan_in"] == pytest.approx(np.log10(count / width) / 3)
    assert found["density"] == pytest.approx(count / possible)
    assert found["share_of_weights"] == pytest.approx(count / 16)


@pytest.mark.parametrize(
    ("name", "fifth", "half"),
    [
        # sorted magnitudes .25 .5 .75 1 1.5 2 (sum 6): one is a fifth of them, three are half
        ("hidden_1", 0.25 / 6, 1.5 / 6),
        # .1 .3 .7 1 1 (sum 3.1): round(2.5) = 2 are half
        ("hidden_2", 0.1 / 3.1, 0.4 / 3.1),
        # .05 .2 .5 .9 1 (sum 2.65)
        ("output", 0.05 / 2.65, 0.25 / 2.65),
    ],
)
def test_smallest_shares_are_of_the_averaged_magnitudes(name, fifth, half):
    found = slot(name)
    assert found["smallest_fifth"] == pytest.approx(5 * fifth, rel=1e-5)
    assert found["smallest_half"] == pytest.approx(2 * half, rel=1e-5)


def test_equal_weights_have_smallest_shares_of_one():
    network = network_of((5, 10, 2), allowed((5, 10, 2)), np.random.default_rng(0))
    network.connections[EMA] = 0.3
    found = slot("hidden_1", now=snapshot_of(network))
    assert found["smallest_fifth"] == pytest.approx(1, rel=1e-5)
    assert found["smallest_half"] == pytest.approx(1, rel=1e-5)


def activations(network: SparseNetwork, x: np.ndarray) -> np.ndarray:
    """Every unit's activation at the last weights, in float64, one unit after the other."""
    weights, biases = dense(network, VALUE)
    units = np.zeros((x.shape[0], network.n_units))
    units[:, : network.n_inputs] = x
    for row in range(weights.shape[0]):
        before = units @ weights[row] + biases[row]
        hidden = row < network.n_hidden
        units[:, network.n_inputs + row] = np.maximum(before, 0) if hidden else before
    return units


@pytest.mark.parametrize(("name", "units"), [("hidden_1", range(5, 9)), ("hidden_2", range(9, 12))])
def test_activity_and_dead_share_are_those_of_the_neurons(name, units):
    network = NETWORK.copy()
    network.units[VALUE, 0] = -100  # the first hidden unit never fires
    fires = activations(network, DATA.standardize(SAMPLES).astype(float))[:, list(units)] > 0
    found = slot(name, now=snapshot_of(network))
    assert found["activity"] == pytest.approx(fires.mean())
    assert found["dead_share"] == pytest.approx(1 - fires.any(axis=0).mean())
    assert found["dead_share"] == pytest.approx(0.25 if name == "hidden_1" else 0)


def test_outputs_have_no_activity_or_dead_share():
    found = slot("output")
    assert found["activity"] == found["dead_share"] == 0


@pytest.mark.parametrize("seed", range(4))
def test_growth_gradient_is_the_largest_inactive_against_the_typical_active(seed):
    sizes = (5, 6, 4, 3, 2)
    network = skip_network(sizes, np.random.default_rng(seed), density=0.3)
    possible = allowed(sizes)
    module = MaskedDense(network)
    active = module.mask.numpy().copy()
    module.mask = torch.tensor(possible)  # absent connections take part, with weight 0
    torch_loss(module, DATA, SAMPLES).backward()
    assert module.weights.grad is not None
    gradient = np.abs(module.weights.grad.numpy())
    layers = np.repeat(np.arange(1, 5), sizes[1:])
    now = snapshot_of(network)
    for layer, name in enumerate(("hidden_1", "hidden_2", "hidden_3", "output"), start=1):
        rows = (layers == layer)[:, None]
        largest = gradient[rows & possible & ~active].max()
        typical = np.sqrt((gradient[rows & active] ** 2).mean())
        expected = np.clip(np.log10(largest / typical) / 2, -1, 1)
        assert slot(name, now=now)["growth_gradient"] == pytest.approx(expected, abs=1e-3)


def test_a_probe_of_another_network_is_refused():
    with pytest.raises(InputError, match="of this network"):
        observe(replace(NOW, network=SMALLER), BEFORE, DATA, 0.79, 0.1, 0.5, 0, False)
    with pytest.raises(InputError, match="of this network"):
        edits.remove_layer(SMALLER, PROBE, 1)


def test_growth_gradient_is_lowest_where_every_connection_is_active():
    network = network_of((5, 4, 2), allowed((5, 4, 2)), np.random.default_rng(0))
    assert slot("hidden_1", now=snapshot_of(network))["growth_gradient"] == -1


def test_a_network_without_hidden_layers_has_only_the_output():
    network = network_by_hand((5, 2), [(0, 5), (1, 6), (4, 6)])
    now = snapshot_of(network)
    assert entries(now=now)["depth"] == 0
    assert slot("output", now=now)["density"] == pytest.approx(3 / 10)
    for k in (1, 2, 3):
        assert not any(slot(f"hidden_{k}", now=now).values())


def test_a_snapshot_is_judged_by_accuracy_less_the_price_of_its_weights():
    judged = judge(NETWORK, PROBE, Evaluation(0.9, 0.5), Evaluation(0.8, 0.25), 0.3)
    assert judged.score == pytest.approx(0.8 - 0.3 * 16 / (76 * 7), rel=1e-12)


def test_observations_are_not_shared_with_later_ones():
    env = DesignEnv(DATA, episode_steps=3, batches_per_step=2)
    first, _ = env.reset(seed=0)
    copy = first.copy()
    env.step(0)
    np.testing.assert_array_equal(first, copy)


def test_observing_changes_neither_design_nor_probe():
    fresh = GradientSample(PROBE.activations.copy(), PROBE.deltas.copy(), PROBE.stops.copy())
    before = fresh.gradients.copy()
    entries(now=replace(NOW, probe=fresh))
    np.testing.assert_array_equal(fresh.gradients, before)

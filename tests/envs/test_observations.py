"""The observation vector: its layout, its bounds, and what every entry depends on."""

from dataclasses import replace
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from rlnas.envs.actions import ACTIONS, OPERATIONS, judge
from rlnas.envs.design_env import DesignEnv
from rlnas.envs.episode import EpisodeState, EvaluatedNetwork
from rlnas.envs.observations import OBSERVATION_NAMES, observe
from rlnas.errors import InputError
from rlnas.nn import edits
from rlnas.nn.gradients import GradientSample
from rlnas.nn.network import EMA, VALUE, SparseNetwork
from rlnas.nn.running import sample_gradients
from rlnas.nn.training import Batches, Evaluation
from tests.core.reference import (
    MaskedDense,
    allowed,
    dense,
    network_of,
    random_dataset,
    skip_network,
    torch_loss,
)
from tests.envs.helpers import episode, make, network_by_hand

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
PENALTY = 0.1
NOW = EvaluatedNetwork(NETWORK, PROBE, Evaluation(0.9, 0.5), Evaluation(0.8, 0.25), PENALTY)
SMALLER = network_by_hand((5, 1, 2), [(0, 5), (1, 5), (5, 6), (5, 7)])
BEFORE = EvaluatedNetwork(
    SMALLER,
    sample_gradients(SMALLER, DATA, SAMPLES),
    Evaluation(0.5, 0.9),
    Evaluation(0.775, 0.9),
    PENALTY,
)


def state_of(
    now: EvaluatedNetwork = NOW,
    before: EvaluatedNetwork = BEFORE,
    data: Any = DATA,
    best_score: float = 0.85,
    penalty: float = PENALTY,
    action: int = 12,
    refused: bool = False,
) -> EpisodeState:
    """A moment in the middle of an episode."""
    return EpisodeState(
        dataset=data,
        dataset_index=0,
        penalty=penalty,
        batches=Batches(DATA.train, np.random.default_rng(0)),
        current=replace(now, penalty=penalty),
        previous=replace(before, penalty=penalty),
        legal=judge(now.network).legal,
        elapsed=3,
        action=action,
        applied=not refused,
        diverged=False,
        best_score=max(best_score, replace(now, penalty=penalty).score),
    )


def entries(progress: float = 0.25, **facts: Any) -> dict[str, float]:
    """The observation by the names of its entries."""
    observation = observe(state_of(**facts), progress)
    return dict(zip(OBSERVATION_NAMES, observation.tolist(), strict=True))


def slot(name: str, **facts: Any) -> dict[str, float]:
    """The entries of one layer."""
    found = entries(**facts)
    return {key[len(name) + 1 :]: value for key, value in found.items() if key.startswith(name)}


def snapshot_of(network: SparseNetwork, data=DATA) -> EvaluatedNetwork:
    return replace(NOW, network=network, probe=sample_gradients(network, data, data.train[:64]))


# --- layout ---


def test_names_are_unique_and_as_many_as_entries():
    assert len(set(OBSERVATION_NAMES)) == len(OBSERVATION_NAMES) == 78
    observation = observe(state_of(), 0.5)
    assert observation.shape == (78,)
    assert observation.dtype == np.float32


def test_entry_order_equals_that_of_policies_on_disk():
    order = sha256(" ".join(OBSERVATION_NAMES).encode()).hexdigest()
    assert order.startswith("835fd95cd9c0859e"), "trained policies cannot be used"


@pytest.mark.parametrize("dataset", ["digits", "wine", "breast_cancer", "arrays"])
def test_layout_is_the_same_for_every_data_set_and_entries_are_bounded(dataset):
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
    worse = replace(BEFORE, validation=Evaluation(0.0, 1e30))
    better = replace(NOW, validation=Evaluation(1.0, 1e12), training=Evaluation(0.0, 1e12))
    for penalty in (0.0, 1e-12, 1e6):
        for now, before in ((better, worse), (worse, better)):
            values = np.array(list(entries(now=now, before=before, penalty=penalty).values()))
            assert np.isfinite(values).all()
            assert np.abs(values).max() <= 1


# --- the episode, the task and the design as a whole ---


def test_progress_is_the_share_of_the_episode_that_is_over():
    env = make(episode_steps=4)
    found = [observation[0] for observation, *_ in episode(env, seed=0)]
    assert OBSERVATION_NAMES[0] == "progress"
    assert found == [0, 0.25, 0.5, 0.75, 1]


def validated(accuracy: float = 0.8, loss: float = 0.25, **facts: Any) -> dict[str, float]:
    return entries(now=replace(NOW, validation=Evaluation(accuracy, loss)), **facts)


def trained(accuracy: float = 0.9, loss: float = 0.5) -> dict[str, float]:
    return entries(now=replace(NOW, training=Evaluation(accuracy, loss)))


def task(features: int = 5, classes: int = 2, samples: int = 180) -> Any:
    """What observations read of a data set."""
    return SimpleNamespace(
        name="task", n_features=features, n_outputs=classes, train=np.arange(samples)
    )


@pytest.mark.parametrize(
    ("changed", "raised", "lowered"),
    [
        (lambda: entries(progress=0.5), "progress", ""),
        (lambda: entries(data=task(features=6)), "features", ""),
        (lambda: entries(data=task(classes=3)), "classes", ""),
        (lambda: entries(data=task(samples=200)), "samples", ""),
        (
            lambda: entries(penalty=0.2),
            "penalty cost log_cost cost_over_error",
            "score_change log_score_change log_below_best",
        ),
        (
            lambda: validated(accuracy=0.81),
            "validation_accuracy accuracy_change score_change log_accuracy_change "
            "log_score_change log_below_best cost_over_error",
            "generalisation_gap log_error",
        ),
        (lambda: validated(loss=0.3), "validation_loss", ""),
        (
            lambda: trained(accuracy=0.91),
            "training_accuracy generalisation_gap",
            "log_training_error",
        ),
        (lambda: trained(loss=0.6), "training_loss", ""),
        (
            lambda: entries(before=replace(BEFORE, validation=Evaluation(0.776, 0.9))),
            "",
            "accuracy_change score_change log_accuracy_change log_score_change",
        ),
        (lambda: entries(before=replace(BEFORE, training=Evaluation(0.6, 0.8))), "", ""),
        (lambda: entries(best_score=0.86), "", "log_below_best"),
        (lambda: entries(refused=True), "last_refused", ""),
        (lambda: entries(action=11), "", "last_amount"),
    ],
)
def test_changed_fact_changes_only_the_entries_about_it(changed, raised, lowered):
    before, after = entries(), changed()
    assert {name for name in before if after[name] > before[name]} == set(raised.split())
    assert {name for name in before if after[name] < before[name]} == set(lowered.split())


def test_larger_design_changes_only_entries_about_size_cost_and_score():
    larger = snapshot_of(network_by_hand(SIZES, [*WEIGHTS, (1, 13), (3, 9)]))
    smaller = snapshot_of(network_by_hand(SIZES, list(WEIGHTS)))
    before, after = (entries(now=now, before=smaller) for now in (smaller, larger))
    whole = [name for name in before if not name.startswith(("hidden", "output", "last"))]
    assert {name for name in whole if after[name] > before[name]} == {
        *("size", "relative_size", "cost", "log_cost", "cost_over_error", "size_change"),
        "inputs_used",
    }
    assert {name for name in whole if after[name] < before[name]} == {
        *("score_change", "log_score_change", "log_below_best")
    }


@pytest.mark.parametrize(
    ("entry", "seen"),
    [
        ("penalty", lambda factor: entries(penalty=0.01 * factor)),
        ("log_cost", lambda factor: entries(penalty=0.01 * factor)),
        ("cost_over_error", lambda factor: entries(penalty=0.01 * factor)),
        ("classes", lambda factor: entries(data=task(classes=2 * factor))),
        ("features", lambda factor: entries(data=task(features=3 * factor))),
        ("samples", lambda factor: entries(data=task(samples=40 * factor))),
        ("log_error", lambda factor: validated(accuracy=1 - 0.005 * factor)),
        ("log_training_error", lambda factor: trained(accuracy=1 - 0.005 * factor)),
    ],
)
def test_equal_factors_are_equal_steps_of_a_logarithm(entry, seen):
    values = [seen(factor)[entry] for factor in (1, 3, 9, 27)]
    steps = np.diff(values)
    assert steps[0] > 0.05, "a factor of three can be told"
    assert steps == pytest.approx(steps[0], rel=1e-4)


def test_cost_is_the_difference_of_accuracy_and_score():
    found = entries(penalty=0.3)
    score = replace(NOW, penalty=0.3).score
    assert found["validation_accuracy"] - found["cost"] == pytest.approx(score, abs=1e-6)
    assert entries(penalty=0.0)["cost"] == 0


def test_depth_is_relative_to_the_deepest_design():
    deepest = network_by_hand((5, 1, 1, 1, 2), [(0, 5), (5, 6), (6, 7), (7, 8), (7, 9)])
    assert entries(now=snapshot_of(deepest))["depth"] == 1
    assert entries()["depth"] == pytest.approx(2 / 3)
    assert entries(now=BEFORE)["depth"] == pytest.approx(1 / 3)


def test_inputs_used_is_the_share_of_inputs_with_a_connection():
    assert entries()["inputs_used"] == pytest.approx(3 / 5)  # 0, 1 and 2


@pytest.mark.parametrize("entry", ["validation_loss", "training_loss"])
def test_losses_map_to_zero_to_one_without_saturating(entry):
    measure = validated if entry == "validation_loss" else trained
    values = [measure(loss=loss)[entry] for loss in (0.0, 0.1, 1.0, 10.0, 1000.0)]
    assert values[0] == 0
    assert values[2] == 0.5
    assert values == sorted(set(values))
    assert values[-1] < 1


def test_changes_are_zero_for_an_unchanged_design():
    unchanged = entries(before=NOW)
    changes = [name for name in OBSERVATION_NAMES if name.endswith("_change")]
    assert len(changes) == 5
    assert not any(unchanged[name] for name in changes)


def test_size_change_is_antisymmetric():
    network = network_by_hand((5, 2), [(0, 5), (1, 6)])
    twice = network_by_hand((5, 2), [(0, 5), (1, 6), (2, 5), (2, 6)])
    one, two = snapshot_of(network), snapshot_of(twice)
    grown, shrunk = entries(now=two, before=one), entries(now=one, before=two)
    assert grown["size_change"] == -shrunk["size_change"] > 0


def test_perfect_free_design_is_at_the_lower_bound_of_logarithms():
    perfect = Evaluation(1.0, 0.0)
    found = entries(now=replace(NOW, training=perfect, validation=perfect), penalty=0.0)
    assert found["log_error"] == found["log_training_error"] == found["log_cost"] == -1
    assert found["penalty"] == -1


@pytest.mark.parametrize("entry", ["log_accuracy_change", "log_score_change"])
def test_small_changes_are_magnified(entry):
    def seen(change: float) -> float:
        before = replace(NOW, validation=Evaluation(0.8 - change, 0.25))
        return entries(before=before)[entry]

    changes = [-0.5, -0.1, -0.01, -0.001, 0, 0.001, 0.01, 0.1, 0.5]
    values = [seen(change) for change in changes]
    assert values == pytest.approx([-value for value in values[::-1]], abs=1e-6)
    assert np.diff(values).min() > 0.09, "each can be told from the next"
    assert values[-1] < 1


def test_log_below_best_is_zero_for_the_best_design():
    assert entries(best_score=NOW.score)["log_below_best"] == 0
    assert entries(best_score=-1.0)["log_below_best"] == 0  # the present one is the best


@pytest.mark.parametrize("action", range(len(ACTIONS)))
def test_the_last_action_is_seen_by_its_operation_and_amount(action):
    found = entries(action=action)
    named = {key: value for key, value in found.items() if key.startswith("last_")}
    amount, refused = named.pop("last_amount"), named.pop("last_refused")
    assert named == {
        f"last_{operation}": operation == ACTIONS[action].operation for operation in OPERATIONS
    }
    assert amount == pytest.approx({1: 0, 1.25: 0.3219, 2: 1}[ACTIONS[action].factor], abs=1e-4)
    assert refused == 0


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
    ("name", "count", "possible"),
    [
        ("hidden_1", 6, 4 * 5),
        ("hidden_2", 5, 3 * (5 + 4)),  # reads inputs and the first hidden layer
        ("output", 5, 2 * (5 + 3)),  # reads inputs and the second hidden layer
    ],
)
def test_layer_density_and_share_of_weights(name, count, possible):
    found = slot(name)
    assert found["density"] == pytest.approx(count / possible)
    assert found["share_of_weights"] == pytest.approx(count / 16)


def dense_layer(width: int, reads: int = 2) -> dict[str, float]:
    """The entries of a hidden layer whose neurons read so many inputs each."""
    pairs = [(source, 5 + k) for k in range(width) for source in range(reads)]
    out = [(5 + k, 5 + width + k % 2) for k in range(width)]
    return slot("hidden_1", now=snapshot_of(network_by_hand((5, width, 2), [*pairs, *out])))


@pytest.mark.parametrize("entry", ["width", "connections"])
def test_widths_and_connections_are_seen_as_logarithms(entry):
    values = [dense_layer(width)[entry] for width in (3, 9, 27)]
    steps = np.diff(values)
    assert steps[0] == pytest.approx(steps[1], rel=1e-4)
    assert steps[0] > 0.05


def test_fan_in_is_that_of_a_neuron_whatever_the_width():
    assert dense_layer(3)["fan_in"] == dense_layer(9)["fan_in"]
    assert dense_layer(3, reads=1)["fan_in"] == 0
    one, two, four = (dense_layer(3, reads)["fan_in"] for reads in (1, 2, 4))
    assert four - two == pytest.approx(two - one, rel=1e-4)
    assert two > one


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
def test_growth_gradient_is_largest_inactive_over_typical_active(seed):
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


def test_gradient_sample_of_another_network_is_refused():
    with pytest.raises(InputError, match="expected one of this network"):
        entries(now=replace(NOW, network=SMALLER))
    with pytest.raises(InputError, match="expected one of this network"):
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


def test_the_score_is_accuracy_less_the_price_of_the_weights():
    evaluated = replace(NOW, penalty=0.3)
    assert evaluated.score == pytest.approx(0.8 - 0.3 * 16 / (76 * 7), rel=1e-12)


def test_observations_are_not_shared_with_later_ones():
    env = DesignEnv(DATA, episode_steps=3, batches_per_step=2)
    first, _ = env.reset(seed=0)
    copy = first.copy()
    env.step(0)
    np.testing.assert_array_equal(first, copy)


def test_observing_changes_neither_design_nor_probe():
    fresh = GradientSample(
        *(each.copy() for each in (PROBE.activations, PROBE.deltas, PROBE.gradients))
    )
    entries(now=replace(NOW, probe=fresh))
    np.testing.assert_array_equal(fresh.gradients, PROBE.gradients)

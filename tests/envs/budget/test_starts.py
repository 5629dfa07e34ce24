"""How episodes with a budget begin: budgets, the constant prediction, networks that are given."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rlnas.cost import REFERENCE
from rlnas.data.dataset import Dataset
from rlnas.envs.budget import design_env
from rlnas.envs.budget.costs import LEAST_BATCHES, UNIT_BATCHES, UNIT_STEPS, first_step_costs
from rlnas.envs.budget.design_env import GIVEN_BATCHES
from rlnas.errors import InputError
from rlnas.nn.architecture import layers_of
from rlnas.nn.initialization import new_network, random_network
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import Evaluation
from tests.core.reference import bits as network_bits, random_dataset
from tests.envs.budget.helpers import (
    BATCH,
    NONE,
    cost_by_hand,
    make,
    nothing,
    rest,
    start,
    units,
)
from tests.envs.helpers import TASK, bits

OTHER = replace(random_dataset(np.random.default_rng(9), 90, 4, samples=500), name="other")
GIVEN = random_network((6, 5, 4, 3), 0.6, np.random.default_rng(0))

# --- the budget ---


def unit_by_hand(data: Dataset) -> int:
    """An episode of fixed steps at the reference size."""
    shape = data.n_features, data.n_classes
    network = new_network(REFERENCE, *shape, np.random.default_rng(0))
    return UNIT_STEPS * cost_by_hand(network, network, data, UNIT_BATCHES)


def test_a_budget_is_a_multiple_of_an_episode_of_fixed_steps_at_the_reference_size():
    _, info = make(budget=0.5).reset(seed=0)
    assert info["budget"] == round(0.5 * unit_by_hand(TASK))
    assert info["spent"] == info["cost"] == info["batches"] == 0


def test_a_budget_range_is_drawn_log_uniformly_at_every_reset():
    env = make(budget=(0.1, 10.0))
    env.reset(seed=0)
    logarithms = []
    for _ in range(400):
        _, info = env.reset()
        logarithms.append(np.log10(units(info["budget"])))
    assert -1.001 < min(logarithms) < -0.95
    assert 0.95 < max(logarithms) < 1.001
    counts, _ = np.histogram(logarithms, bins=4, range=(-1.001, 1.001))
    assert np.abs(counts - 100).max() < 35  # four standard deviations


def test_the_unit_is_that_of_the_data_set_of_the_episode():
    env = make([TASK, OTHER], budget=1.0)
    found = {}
    for seed in range(10):
        _, info = env.reset(seed=seed)
        found[info["dataset_index"]] = info["budget"]
    assert found == {0: unit_by_hand(TASK), 1: unit_by_hand(OTHER)}


def test_the_smallest_budget_that_is_taken_pays_for_a_first_step():
    least = units(int(first_step_costs(TASK, BATCH).min()))
    env = make(budget=least)
    _, info = env.reset(seed=0)
    actions = np.flatnonzero(info["action_mask"])
    assert actions.size
    *_, over, _, info = env.step(actions[0])
    assert (info["applied"], info["batches"], over) == (True, LEAST_BATCHES, True)
    with pytest.raises(InputError, match="first step on data set 'noise': expected at least"):
        make(budget=0.99 * least)


def test_the_budget_that_a_message_asks_for_is_enough():
    for settings in ({}, {"network": GIVEN}):
        with pytest.raises(InputError) as error:
            make(budget=1e-5, **settings)
        make(budget=float(str(error.value).split()[-1]), **settings).reset(seed=0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"budget": 0}, "budget 0 is out of range: expected from 1e-06 to 1e+06"),
        ({"budget": -1.0}, "budget -1.0 is out of range"),
        ({"budget": float("inf")}, "budget inf cannot be used: expected a finite number or"),
        ({"budget": float("nan")}, "budget nan cannot be used: expected a finite number or"),
        ({"budget": (0.1, float("inf"))}, "budget (0.1, inf) cannot be used"),
        ({"budget": 1e300}, "budget 1e+300 is out of range"),
        ({"budget": (5.0, 0.05)}, "budget range (5.0, 0.05) is upside down"),
        ({"budget": (0.1, 0.2, 0.3)}, "expected a finite number or"),
        ({"budget": "1"}, "budget '1' cannot be used"),
        ({"budget": True}, "budget True cannot be used"),
        ({"budget": 1e-5}, "budget 1e-05 does not pay for the first step on data set 'noise'"),
        ({"budget": (1e-5, 1.0)}, "budget 1e-05 does not pay for the first step"),
        ({"reward": "difference"}, "unknown reward 'difference': expected 'anytime' or 'final'"),
        ({"given": 1.5}, "given 1.5 is out of range: expected from 0 to 1"),
        ({"given": "often"}, "given 'often' cannot be used: expected a number"),
        ({"episode_steps": 0}, "episode_steps 0 cannot be used"),
        ({"episode_steps": 2.5}, "episode_steps 2.5 cannot be used"),
        ({"penalty": -0.1}, "penalty -0.1 is out of range"),
        ({"render_mode": "human"}, "unknown render mode 'human'"),
        ({"network": "small"}, "starting network is a str"),
        ({"network": GIVEN, "budget": 0.001}, "does not pay for a training batch of the starting"),
    ],
)
def test_bad_input_is_one_clear_line(settings, message):
    with pytest.raises(InputError) as error:
        make(**settings)
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_nothing_can_be_done_before_the_first_reset():
    env = make()
    for use in (lambda: env.step(0), env.action_masks, lambda: env.state, lambda: env.words):
        with pytest.raises(InputError, match="call reset"):
            use()


@pytest.mark.parametrize("action", [-1, 10_000, 1.5, "stop", True])
def test_what_is_no_action_is_refused(action):
    env = make()
    env.reset(seed=0)
    with pytest.raises(InputError, match="action"):
        env.step(action)


# --- without a network ---


def test_an_episode_begins_with_the_constant_prediction():
    _, info = make(penalty=0.5).reset(seed=0)
    labels, known = TASK.labels[TASK.validation], TASK.labels[TASK.train]
    shares = np.bincount(known, minlength=3) / known.size
    assert info["score"] == info["val_metric"] == np.mean(labels == shares.argmax())
    assert info["val_loss"] == pytest.approx(-np.log(shares[labels]).mean(), rel=1e-6)
    assert info["best_score"] == info["anytime"] == info["score"]
    assert info["active_weights"] == 0
    assert layers_of(info)["layer_sizes"] == [6, 3]


def test_a_class_that_no_training_sample_has_leaves_the_loss_finite():
    labels = TASK.labels.copy()
    labels[TASK.train] = np.minimum(labels[TASK.train], 1)
    env = make(replace(TASK, labels=labels))
    observation, info = env.reset(seed=0)
    assert np.isfinite(info["val_loss"])
    assert np.isfinite(observation).all()


def test_a_constant_prediction_is_no_design():
    env = make()
    env.reset(seed=0)
    assert env.best is None
    env.step(start())
    assert env.best is not None


# --- with one ---


def options_of(given: str) -> dict[str, Any]:
    return {"network": GIVEN} if given == "network" else {"architecture": [(5, 0.6), (4, 0.6)]}


@pytest.mark.parametrize("given", ["network", "architecture"])
def test_a_start_that_is_asked_for_is_not_trained_and_costs_nothing(given):
    env = make()
    _, info = env.reset(seed=0, options=options_of(given))
    assert layers_of(info)["layer_sizes"] == [6, 5, 4, 3]
    assert info["batches"] == info["cost"] == info["spent"] == env.current_design.steps == 0
    assert info["best_score"] == info["anytime"] == info["score"]
    assert env.state.best is env.state.current
    _, info = env.reset(seed=0)
    assert info["active_weights"] == 0, "it was for one episode"


def test_some_episodes_begin_with_a_network_that_was_trained_at_no_cost():
    env = make(given=0.3)
    env.reset(seed=0)
    begun, batches = 0, []
    for _ in range(300):
        _, info = env.reset()
        assert info["spent"] == info["cost"] == 0
        if info["active_weights"]:
            begun += 1
            batches.append(env.current_design.steps)
            affordable = cost_by_hand(nothing(), env.current_design, TASK, LEAST_BATCHES)
            assert affordable <= info["budget"] / 2
    assert 60 < begun < 120
    low, high = GIVEN_BATCHES
    assert low <= min(batches) < 2 * low
    assert high / 2 < max(batches) <= high


def test_a_given_network_can_be_left_for_another_start_in_the_first_step_only():
    env = make(given=1.0)
    env.reset(seed=0)
    given = env.current_design
    assert env.action_masks()[start()]
    assert env.action_masks()[NONE]
    info = env.step(start())[4]
    assert (info["applied"], info["batches"]) == (True, LEAST_BATCHES)
    assert env.current_design.steps == LEAST_BATCHES
    assert not env.action_masks()[start()]
    assert env.state.best.network is given or info["score"] == info["best_score"]


def test_a_given_network_can_be_gone_on_with():
    env = make(given=1.0)
    _, before = env.reset(seed=0)
    steps = env.current_design.steps
    info = env.step(NONE)[4]
    assert info["applied"]
    assert info["active_weights"] == before["active_weights"]
    assert env.current_design.steps == steps + info["batches"]
    assert not env.action_masks()[start()]


def test_a_given_network_starts_every_episode_and_is_not_changed():
    before = network_bits(GIVEN)
    env, other = make(network=GIVEN), make()
    one, same = env.reset(seed=1), other.reset(seed=1, options={"network": GIVEN})
    assert bits(one) == bits(same)
    steps = rest(env, np.random.default_rng(0))
    assert bits(steps) == bits(rest(other, np.random.default_rng(0)))
    assert env.reset()[1]["active_weights"] == GIVEN.active_weights
    assert network_bits(GIVEN) == before


def test_a_budget_that_pays_for_no_step_of_a_given_start_is_refused():
    least = cost_by_hand(GIVEN, GIVEN, TASK, 1)
    cheapest = int(first_step_costs(TASK, BATCH).min())
    large = random_network((6, 200, 3), 1.0, np.random.default_rng(0))
    assert cost_by_hand(large, large, TASK, 1) > cheapest
    env = make(budget=units(cheapest))
    with pytest.raises(InputError, match="a training batch of the starting network"):
        env.reset(seed=0, options={"network": large})
    with pytest.raises(InputError, match="call reset"):
        env.step(NONE)
    env = make(network=GIVEN, budget=units(least))
    env.reset(seed=0)
    *_, over, _, info = env.step(NONE)
    assert (info["batches"], info["applied"], over) == (1, True, True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"network": GIVEN, "architecture": ()}, "expected one of them"),
        ({"budget": 3}, "unknown reset options"),
        ({"architecture": ((1000, 1.0),)}, "1000"),
        ({"network": random_network((5, 3), 1.0, np.random.default_rng(0))}, "5 inputs"),
    ],
)
def test_a_reset_with_options_that_cannot_be_used_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        make().reset(seed=0, options=options)


def test_a_starting_network_that_diverges_is_refused():
    huge = GIVEN.copy()
    huge.connections *= np.float32(1e19)
    with pytest.raises(InputError, match="starting network diverges on data set 'noise'"):
        make(network=huge).reset(seed=0)


def test_a_network_that_diverges_in_its_free_training_is_given_untrained(monkeypatch):
    right = design_env.train

    def wrong(network: SparseNetwork, *arguments: Any) -> Evaluation:
        found = right(network, *arguments)
        network.connections[:] = np.nan
        return found

    monkeypatch.setattr(design_env, "train", wrong)
    env = make(given=1.0)
    for seed in range(5):
        _, info = env.reset(seed=seed)
        assert info["active_weights"] > 0
        assert env.current_design.steps == 0
        assert np.isfinite(info["val_loss"])


@pytest.mark.parametrize("kind", [np.int64, np.uint8])
def test_integers_of_numpy_are_integers(kind):
    env, other = make(episode_steps=kind(4)), make(episode_steps=4)
    assert bits(env.reset(seed=kind(3))) == bits(other.reset(seed=3))
    for action in (start(), NONE):
        assert bits(env.step(kind(action))) == bits(other.step(action))

"""`TabularEnv`: what it pays and tells is what the table says, and its optimum is the best."""

import copy
import json
import pickle
from itertools import product
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.utils.env_checker import check_env as gymnasium_check
from hypothesis import given, settings, strategies as st
from stable_baselines3.common.env_checker import check_env as sb3_check

from rlnas.envs.actions import Action
from rlnas.envs.tabular import tabular_env
from rlnas.envs.tabular.actions import successor, tabular_actions
from rlnas.envs.tabular.dynamics import observation_names
from rlnas.envs.tabular.tabular_env import TabularEnv
from rlnas.errors import InputError
from rlnas.registration import TABLES
from rlnas.tabular.grid import GRID, Grid
from rlnas.tabular.table import Table
from tests.core.tables import SMALL_GRID, random_table
from tests.envs.helpers import bits, episode, play

TABLE = random_table()
"""43 architectures of random results."""

START = ((8, 0.5),)
"""The middle of its grid."""

REFERENCE = 76 * (6 + 3)
NAMES = observation_names(SMALL_GRID)
INFO_KEYS = {
    *("score", "val_accuracy", "val_loss", "active_weights", "penalty", "optimum", "regret"),
    *("architecture", "applied", "action_mask"),
}
"""As the manual of `TabularEnv` lists them."""


def make(**settings: Any) -> TabularEnv:
    """A short environment on the table of random results."""
    return TabularEnv(**{"table": TABLE, "episode_steps": 8, "start": "middle", **settings})


NONE = 0


def action(operation: str, slot: int = 0) -> int:
    """The number of an action on the small grid."""
    return list(tabular_actions(SMALL_GRID)).index(Action(operation, slot))


def begin(architecture: Any = START, **settings: Any) -> TabularEnv:
    """An environment at the start of an episode from there."""
    env = make(**settings)
    env.reset(seed=0, options={"architecture": architecture})
    return env


def entry(observation: np.ndarray, name: str) -> float:
    return float(observation[NAMES.index(name)])


def any_actions(env: TabularEnv, seed: int, steps: int) -> list[Any]:
    """Steps with random actions, legal or not."""
    rng = np.random.default_rng(seed)
    return [env.step(rng.integers(env.action_space.n)) for _ in range(steps)]  # type: ignore[attr-defined]


# --- as the libraries expect ---


@pytest.fixture(params=TABLES)
def name(request) -> str:
    """The ids of the tables in the package."""
    return f"rlnas/{request.param}-v0"


def test_gymnasium_finds_no_fault(name):
    gymnasium_check(gym.make(name).unwrapped)  # unwrapped, so that every render mode is tried


@pytest.mark.parametrize("render_mode", [None, "ansi", "rgb_array"])
def test_stable_baselines3_finds_no_fault(name, render_mode):
    sb3_check(gym.make(name, render_mode=render_mode, noisy=True, penalty=(0.01, 1.0)))


def test_spaces_are_those_of_the_manual(name):
    env = gym.make(name, start="middle")
    assert env.action_space == gym.spaces.Discrete(19)
    assert env.observation_space == gym.spaces.Box(-1, 1, (32,), np.float32)
    _, info = env.reset(seed=0)
    assert env.get_wrapper_attr("architecture") == ((32, 1 / 8),)
    assert set(info) == INFO_KEYS


def test_a_spec_survives_json(name):
    arguments = {"penalty": (0.1, 0.5), "episode_steps": 3, "noisy": True, "start": "random"}
    env = gym.make(name, **arguments)
    assert env.spec is not None
    text = env.spec.to_json()
    again = gym.make(EnvSpec.from_json(text))
    assert json.loads(text)["id"] == name
    assert env.get_wrapper_attr("episode_steps") == 3
    assert bits(episode(again, seed=1)) == bits(episode(env, seed=1))


def test_a_start_survives_the_json_of_a_spec():
    env = gym.make("rlnas/TabularDigits-v0", start=((8, 0.25), (16, 0.5)))
    again = gym.make(EnvSpec.from_json(env.spec.to_json()))  # type: ignore[union-attr]
    again.reset(seed=0)
    assert again.get_wrapper_attr("architecture") == ((8, 0.25), (16, 0.5))


def test_a_table_a_path_and_a_name_are_a_table(tmp_path):
    TABLE.save(tmp_path / "table.npz")
    expected = bits(any_actions(begin(), 0, 8))
    for table in (tmp_path / "table.npz", str(tmp_path / "table.npz")):
        assert bits(any_actions(begin(table=table), 0, 8)) == expected
    assert TabularEnv("digits").table is Table.load("digits")
    assert gym.make("rlnas/TabularDigits-v0", table=TABLE).unwrapped.table is TABLE


@pytest.mark.parametrize(
    "read",
    [
        lambda env: env.state,
        lambda env: env.architecture,
        lambda env: env.action_masks(),
        lambda env: env.best_reachable(),
        lambda env: env.render(),
        lambda env: env.step(NONE),
    ],
)
def test_episode_attributes_before_reset_raise_input_error(read):
    with pytest.raises(InputError, match=r"no episode is under way: call reset\(\) first"):
        read(make(render_mode="ansi"))


def test_state_is_not_changed_by_later_steps():
    env = begin(noisy=True)
    state = env.state
    kept, info = tuple(state), env.step(action("add_neurons"))[4]
    assert tuple(state) == kept
    assert (state.elapsed, env.state.elapsed) == (0, 1)
    for name in set(info) - {"action_mask"}:
        assert getattr(env.state, name) == info[name]


# --- what is paid ---


@pytest.mark.parametrize("penalty", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("epochs", [None, 1, 4])
def test_info_is_what_the_table_says_of_the_architecture(penalty, epochs):
    env = make(penalty=penalty, epochs=epochs, episode_steps=30)
    outcomes = [env.reset(seed=0), *any_actions(env, 0, 30)]
    visited = set()
    for *_, info in outcomes:
        architecture = SMALL_GRID.architectures[info["architecture"]]
        record = TABLE.query(architecture, epochs=epochs)
        assert info["val_accuracy"] == record.val_accuracy
        assert info["val_loss"] == record.val_loss
        assert info["active_weights"] == record.active_weights
        price = penalty * record.active_weights / REFERENCE
        assert info["score"] == pytest.approx(record.val_accuracy - price, rel=1e-12, abs=1e-15)
        assert info["penalty"] == penalty
        visited.add(architecture)
    assert len(visited) > 5
    assert env.architecture == architecture


def test_scores_are_to_the_bit_those_of_the_table():
    for penalty in (0.03, 0.1, 0.7):
        env, scores = make(penalty=penalty), TABLE.scores(penalty)
        for number, architecture in enumerate(SMALL_GRID.architectures):
            _, info = env.reset(options={"architecture": architecture})
            assert info["score"] == scores[number]


def test_difference_rewards_sum_to_the_score_gained():
    for noisy in (False, True):
        env = make(noisy=noisy)
        (_, start), *steps = [env.reset(seed=3), *any_actions(env, 2, 8)]
        scores = [start["score"], *(step[4]["score"] for step in steps)]
        assert [step[1] for step in steps] == np.diff(scores).tolist()
        gained = scores[-1] - scores[0]
        assert sum(step[1] for step in steps) == pytest.approx(gained, abs=1e-12)
        assert len(set(scores)) > 2


def test_reward_score_pays_the_score_at_every_step():
    env = make(reward="score")
    env.reset(seed=3)
    for _, reward, _, _, info in any_actions(env, 2, 8):
        assert type(reward) is float
        assert reward == info["score"]


def test_the_reward_changes_nothing_else():
    for one, other in zip(
        any_actions(begin(reward="difference"), 0, 8),
        any_actions(begin(reward="score"), 0, 8),
        strict=True,
    ):
        assert bits((one[0], *one[2:])) == bits((other[0], *other[2:]))


def seed_of(info: dict[str, Any]) -> int:
    """Which training an info tells of: all of its three results must be of the same."""
    architecture = SMALL_GRID.architectures[info["architecture"]]
    found = (info["val_accuracy"], info["val_loss"], info["active_weights"])
    records = [TABLE.query(architecture, seed=seed) for seed in range(3)]
    triples = [(r.val_accuracy, r.val_loss, r.active_weights) for r in records]
    assert len(set(triples)) == 3
    return triples.index(found)


def test_a_noisy_evaluation_is_that_of_one_seed_drawn_at_every_step():
    env = make(noisy=True, episode_steps=9)
    drawn = []
    for number in range(60):
        _, info = env.reset(seed=0 if number == 0 else None)
        drawn.append(seed_of(info))
        drawn += [seed_of(step[4]) for step in any_actions(env, number, 9)]
    counts = np.bincount(drawn, minlength=3)
    assert np.abs(counts - 200).max() < 50  # four standard deviations
    pairs = np.bincount(3 * np.array(drawn[:-1]) + drawn[1:], minlength=9)
    assert pairs.min() > 30, "one draw does not decide the next"


def test_noisy_score_is_of_one_seed_and_regret_of_the_mean():
    env = make(noisy=True, penalty=0.5)
    outcomes = [env.reset(seed=1), *any_actions(env, 1, 8)]
    for *_, info in outcomes:
        price = 0.5 * info["active_weights"] / REFERENCE
        assert info["score"] == pytest.approx(info["val_accuracy"] - price, rel=1e-12)
        mean = TABLE.scores(0.5)[info["architecture"]]
        assert info["regret"] == pytest.approx(info["optimum"] - mean, abs=1e-12)
    assert {seed_of(info) for *_, info in outcomes} == {0, 1, 2}


def test_the_observation_is_of_the_same_noisy_evaluation():
    env = make(noisy=True)
    before = env.reset(seed=1)
    for observation, *_, info in any_actions(env, 1, 8):
        assert entry(observation, "validation_accuracy") == np.float32(info["val_accuracy"])
        gained = 10 * (info["val_accuracy"] - before[-1]["val_accuracy"])
        assert entry(observation, "accuracy_change") == pytest.approx(np.clip(gained, -1, 1))
        before = (observation, info)


# --- the optimum ---


PENALTIES = (0.0, 0.001, 0.03, 0.1, 1 / 3, 1.0, 7.0)


@pytest.mark.parametrize("table", [TABLE, random_table(seed=1, n_validation=5), "digits"])
def test_regret_is_zero_exactly_at_the_optimum_and_never_negative(table):
    env = TabularEnv(table)
    table = env.table
    for penalty in PENALTIES:
        env = TabularEnv(table, penalty=penalty)
        best, highest = table.optimum(penalty)
        _, info = env.reset(options={"architecture": best})
        assert info["regret"] == 0
        assert info["optimum"] == highest
        scores = table.scores(penalty)
        for number in np.argsort(-scores)[:40]:  # those that rounding may lift over the optimum
            architecture = table.grid.architectures[number]
            _, info = env.reset(options={"architecture": architecture})
            assert info["regret"] == pytest.approx(scores.max() - scores[number], abs=1e-12)
            assert (info["regret"] == 0) is bool(scores[number] == scores.max())
            assert info["regret"] >= 0


def test_optimum_depends_on_epochs_and_penalty():
    env = make(penalty=(0.01, 3.0), epochs=1)
    env.reset(seed=0)
    optima = set()
    for _ in range(30):
        _, info = env.reset()
        scores = [
            record.val_accuracy - info["penalty"] * record.active_weights / REFERENCE
            for record in TABLE.records(1)
        ]
        assert info["optimum"] == pytest.approx(max(scores), rel=1e-12)
        optima.add(int(np.argmax(scores)))
    assert len(optima) > 1


def test_best_reachable_is_the_best_end_of_all_action_sequences():
    grid = Grid((4, 8, 16), (0.5,), 2)
    table = random_table(grid, seed=5, n_validation=1000)
    env = TabularEnv(table, penalty=0.2, episode_steps=3)
    scores, n_actions = table.scores(0.2), int(env.action_space.n)  # type: ignore[attr-defined]
    found = {}
    for start in ((), ((8, 0.5),), ((4, 0.5), (16, 0.5))):
        ends = [set(), set(), set()]  # type: list[set[int]]
        for sequence in product(range(n_actions), repeat=3):
            env.reset(options={"architecture": start})
            for step, chosen in enumerate(sequence):
                ends[2 - step].add(env.step(chosen)[4]["architecture"])
        for steps in (1, 2, 3):
            reachable = ends[3 - steps]
            best, highest = tabular_env.best_reachable(table, start, steps, 0.2)
            assert highest == max(scores[number] for number in reachable)
            assert grid.number(best) in reachable
            found[start, steps] = best
        env.reset(options={"architecture": start})
        assert env.best_reachable() == tabular_env.best_reachable(table, start, 3, 0.2)
        assert tabular_env.best_reachable(table, start, 0, 0.2)[0] == start
    assert len(set(found.values())) > 2, "few steps do not reach the optimum"
    assert table.optimum(0.2)[0] not in {found[start, 1] for start in ((), ((8, 0.5),))}


def test_best_reachable_falls_to_the_current_score():
    for seed in range(5):
        env = make(epochs=1, start="random", penalty=(0.1, 1.0), noisy=True)
        _, info = env.reset(seed=seed)
        penalty = info["penalty"]
        bounds = [env.best_reachable()[1]]
        for step in range(8):
            info = any_actions(env, 8 * seed + step, 1)[0][4]
            best, bound = env.best_reachable()
            bounds.append(bound)
            assert bound == TABLE.scores(penalty, epochs=1)[SMALL_GRID.number(best)]
        assert bounds == sorted(bounds, reverse=True)
        assert bounds[-1] == TABLE.scores(penalty, epochs=1)[info["architecture"]]
        assert bounds[0] <= info["optimum"]


def test_whoever_follows_best_reachable_arrives():
    env = begin(penalty=0.3, episode_steps=4)
    best, bound = env.best_reachable()
    for left in (3, 2, 1, 0):  # some action keeps the bound
        for chosen in np.flatnonzero(env.action_masks()):
            after = successor(SMALL_GRID, env.architecture, env.actions[chosen])
            assert after is not None
            if tabular_env.best_reachable(TABLE, after, left, 0.3)[1] == bound:
                break
        *_, info = env.step(chosen)
    assert info["score"] == bound
    assert TABLE.query(env.architecture) == TABLE.query(best)


def test_best_reachable_refuses_what_is_not_in_the_table():
    with pytest.raises(InputError, match="is not on the grid"):
        tabular_env.best_reachable(TABLE, ((5, 0.5),), 3, 0.1)
    with pytest.raises(InputError, match="no results after 3 epochs"):
        tabular_env.best_reachable(TABLE, START, 3, 0.1, epochs=3)


# --- actions ---


WIDE = Grid((4, 8, 16), (0.25, 0.5, 1.0), 3)
A, B, C = (4, 0.25), (8, 0.5), (16, 1.0)


@pytest.mark.parametrize(
    ("before", "operation", "slot", "after"),
    [
        ((A, B), "add_connections", 0, ((4, 0.5), B)),
        ((A, B), "add_connections", 1, (A, (8, 1.0))),
        ((A, B), "add_connections", 2, None),
        ((C,), "add_connections", 0, None),
        ((A, B), "remove_connections", 1, (A, (8, 0.25))),
        ((A, B), "remove_connections", 0, None),
        ((), "remove_connections", 0, None),
        ((A, B), "add_neurons", 0, ((8, 0.25), B)),
        ((A, B), "add_neurons", 1, (A, (16, 0.5))),
        ((A, C), "add_neurons", 1, None),
        ((A, B), "add_neurons", 2, None),
        ((A, B), "remove_neurons", 1, (A, (4, 0.5))),
        ((A, B), "remove_neurons", 0, None),
        ((C, B), "remove_neurons", 0, ((8, 1.0), B)),
        ((A, B), "add_layer", 0, (A, A, B)),
        ((A, B), "add_layer", 1, (A, B, B)),
        ((A, B), "add_layer", 2, (A, B, B)),
        ((A,), "add_layer", 2, None),
        ((A, B, C), "add_layer", 0, None),
        ((A, B, C), "add_layer", 3, None),
        ((), "add_layer", 0, ((8, 0.5),)),
        ((), "add_layer", 1, None),
        ((A, B, C), "remove_layer", 0, (B, C)),
        ((A, B, C), "remove_layer", 1, (A, C)),
        ((A, B, C), "remove_layer", 2, (A, B)),
        ((A,), "remove_layer", 0, ()),
        ((A,), "remove_layer", 1, None),
        ((), "remove_layer", 0, None),
    ],
)
def test_action_leads_to_successor(before, operation, slot, after):
    assert successor(WIDE, before, Action(operation, slot)) == after
    if slot < WIDE.max_depth:
        env = TabularEnv(random_table(WIDE))
        env.reset(options={"architecture": before})
        number = list(env.actions).index(Action(operation, slot))
        assert env.action_masks()[number] == (after is not None)
        *_, info = env.step(number)
        assert env.architecture == (before if after is None else after)
        assert info["applied"] is (after is not None)


def test_none_changes_nothing_and_is_always_legal():
    for architecture in WIDE.architectures:
        assert successor(WIDE, architecture, Action("none")) == architecture


def test_the_actions_of_the_package_are_numbered_as_in_the_manual():
    actions = tabular_actions(GRID)
    assert len(actions) == 19
    assert actions[0] == Action("none")
    for first, operation in [
        (1, "add_connections"),
        (4, "remove_connections"),
        (7, "add_neurons"),
        (10, "remove_neurons"),
        (13, "add_layer"),
        (16, "remove_layer"),
    ]:
        assert actions[first : first + 3] == tuple(Action(operation, slot) for slot in range(3))


layers = st.tuples(st.sampled_from(GRID.widths), st.sampled_from(GRID.densities))


@settings(max_examples=100)
@given(
    st.lists(layers, max_size=3).map(tuple),
    st.sampled_from(["layer", "neurons", "connections"]),
    st.integers(0, 2),
)
def test_adding_and_removing_again_gives_the_same_architecture(architecture, what, slot):
    more, less = Action(f"add_{what}", slot), Action(f"remove_{what}", slot)
    added = successor(GRID, architecture, more)
    if added is not None:
        assert added != architecture
        assert successor(GRID, added, less) == architecture
    removed = successor(GRID, architecture, less)
    if removed is not None and what != "layer":
        assert successor(GRID, removed, more) == architecture


@settings(max_examples=50)
@given(st.lists(layers, max_size=3).map(tuple), st.integers(0, 18))
def test_every_legal_action_leads_to_an_architecture_of_the_grid(architecture, number):
    after = successor(GRID, architecture, tabular_actions(GRID)[number])
    assert after is None or after in GRID.numbers


def test_masks_agree_with_one_another_and_with_what_is_applied():
    env = make(episode_steps=200)
    _, info = env.reset(seed=0)
    rng, refused = np.random.default_rng(0), 0
    for _ in range(200):
        legal = [
            successor(SMALL_GRID, env.architecture, one) is not None
            for one in tabular_actions(SMALL_GRID)
        ]
        masks = env.action_masks()
        assert (masks.dtype, info["action_mask"].dtype) == (bool, np.int8)
        assert masks.tolist() == info["action_mask"].astype(bool).tolist() == legal
        assert set(np.unique(info["action_mask"])) <= {0, 1}
        chosen = rng.integers(13)
        *_, info = env.step(chosen)
        assert info["applied"] is legal[chosen]
        refused += not legal[chosen]
    assert 20 < refused < 180


def test_gymnasium_samples_legal_actions_by_the_mask():
    env = make(episode_steps=100)
    _, info = env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(100):
        *_, info = env.step(env.action_space.sample(info["action_mask"]))
        assert info["applied"] is True


def test_an_illegal_action_changes_nothing_and_costs_the_step():
    env = begin(((4, 0.25),), episode_steps=3)
    before = env.step(NONE)
    after = env.step(action("remove_neurons"))
    assert env.architecture == ((4, 0.25),)
    assert after[1] == 0
    assert after[4]["applied"] is False
    for key in INFO_KEYS - {"applied"}:
        assert bits(after[4][key]) == bits(before[4][key])
    changed = np.flatnonzero(after[0] != before[0])
    assert {NAMES[place] for place in changed} == {
        *("progress", "last_none", "last_remove_neurons", "last_refused")
    }
    assert not after[2]
    assert env.step(action("remove_neurons"))[2], "the budget is used up by illegal actions too"


def test_changing_a_mask_changes_nothing_else():
    env = begin()
    legal = env.action_masks()
    env.action_masks()[:] = False
    *_, info = env.step(0)
    info["action_mask"][:] = 0
    assert env.action_masks().tolist() == legal.tolist()
    _, again = env.reset(options={"architecture": START})
    assert again["action_mask"].astype(bool).tolist() == legal.tolist()


# --- observations ---


@pytest.mark.parametrize("grid", [GRID, SMALL_GRID, WIDE, Grid((8,), (0.5,), 0)])
def test_every_entry_has_a_name_of_its_own(grid):
    names = observation_names(grid)
    assert len(set(names)) == len(names)
    env = TabularEnv(random_table(grid))
    observation, _ = env.reset(seed=0)
    assert observation.shape == env.observation_space.shape == (len(names),)
    assert observation.dtype == np.float32


@pytest.mark.parametrize("penalty", [0.0, 1e-9, 0.1, 1e6])
def test_observations_stay_within_their_bounds(penalty):
    env = make(penalty=penalty, episode_steps=60, start="random", noisy=True)
    outcomes = [env.reset(seed=0), *any_actions(env, 0, 60)]
    for observation, *_ in outcomes:
        assert env.observation_space.contains(observation)


def test_observations_of_every_architecture_stay_within_their_bounds(name):
    env = gym.make(name).unwrapped
    features = env.rules.features
    assert np.isfinite(features).all()
    assert features.min() >= -1
    assert features.max() <= 1


def by_hand(
    before: tuple[tuple[int, float], ...],
    chosen: str,
    after: tuple[tuple[int, float], ...],
    penalty: float,
    progress: float,
) -> dict[str, float]:
    """The observation after an action of the small grid, entry by entry."""
    old, new = TABLE.query(before), TABLE.query(after)
    cost = penalty * new.active_weights / REFERENCE
    score = new.val_accuracy - cost
    old_score = old.val_accuracy - penalty * old.active_weights / REFERENCE
    expected = dict.fromkeys(NAMES, 0.0) | {
        "progress": progress,
        "penalty": (np.log10(penalty) + 2) / 2,
        "cost": cost,
        "accuracy_change": 10 * (new.val_accuracy - old.val_accuracy),
        "size_change": np.log2(new.active_weights / old.active_weights) / 2,
        "score_change": 10 * (score - old_score),
        f"last_{chosen}": 1,
        "depth": len(after) / 2,
        "size": np.log10(new.active_weights) / 6,
        "relative_size": np.log10(new.active_weights / REFERENCE) / 3,
        "validation_accuracy": new.val_accuracy,
        "validation_loss": new.val_loss / (1 + new.val_loss),
        "training_loss": new.train_loss / (1 + new.train_loss),
    }
    sources = 6
    for slot, (width, density) in enumerate(after):
        expected |= {
            f"hidden_{slot + 1}_present": 1,
            f"hidden_{slot + 1}_width": np.log10(width) / 3,
            f"hidden_{slot + 1}_connections": np.log10(max(density * sources, 1) * width) / 6,
            f"hidden_{slot + 1}_density": density,
        }
        sources = width
    return {key: float(np.clip(value, -1, 1)) for key, value in expected.items()}


@pytest.mark.parametrize(
    ("before", "operation", "slot", "after"),
    [
        (((8, 0.5),), "none", 0, ((8, 0.5),)),
        (((8, 0.5),), "add_layer", 1, ((8, 0.5), (8, 0.5))),
        (((16, 0.25), (8, 0.5)), "remove_layer", 0, ((8, 0.5),)),
        (((16, 0.25), (8, 0.5)), "add_neurons", 1, ((16, 0.25), (16, 0.5))),
        (((16, 0.25), (8, 0.5)), "remove_neurons", 0, ((8, 0.25), (8, 0.5))),
        (((16, 0.25), (8, 0.5)), "remove_connections", 1, ((16, 0.25), (8, 0.25))),
        (((16, 0.25), (8, 0.5)), "add_connections", 0, ((16, 0.5), (8, 0.5))),
        (((4, 0.25),), "remove_layer", 0, ()),
        ((), "add_layer", 0, ((8, 0.5),)),
    ],
)
def test_every_entry_is_what_it_is_by_hand(before, operation, slot, after):
    env = begin(before, penalty=0.05, episode_steps=4)
    chosen = NONE if operation == "none" else action(operation, slot)
    observation, *_ = env.step(chosen)
    expected = by_hand(before, operation, after, 0.05, 1 / 4)
    found = dict(zip(NAMES, observation.tolist(), strict=True))
    assert found == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("noisy", [False, True])
def test_size_change_is_half_the_binary_logarithm_of_the_growth(noisy):
    env = make(noisy=noisy, episode_steps=50, start="random")
    _, before = env.reset(seed=0)
    found, expected = [], []
    for observation, *_, info in any_actions(env, 0, 50):
        found.append(entry(observation, "size_change"))
        growth = np.log2(info["active_weights"] / before["active_weights"])
        expected.append(np.clip(growth / 2, -1, 1))
        before = info
    assert found == pytest.approx(expected, abs=1e-6)


def test_a_first_observation_has_no_past():
    observation, _ = begin(((16, 0.25),), penalty=0.05).reset(seed=0)
    expected = by_hand(START, "none", START, 0.05, 0)
    found = dict(zip(NAMES, observation.tolist(), strict=True))
    assert found == pytest.approx(expected, abs=1e-6)


def test_observations_do_not_change_afterwards():
    env = make()
    kept = [env.reset(seed=0)]
    before = [bits(kept[0])]
    for step in range(8):
        kept.append(env.step(step % 13))
        before.append(bits(kept[-1]))
    env.reset()
    assert [bits(outcome) for outcome in kept] == before


# --- what is drawn ---


def test_penalty_range_is_drawn_log_uniformly_at_every_reset():
    env = make(penalty=(0.01, 1.0))
    env.reset(seed=0)
    logarithms = []
    for _ in range(400):
        observation, info = env.reset()
        logarithms.append(np.log10(info["penalty"]))
        assert entry(observation, "penalty") == pytest.approx((logarithms[-1] + 2) / 2, abs=1e-6)
        assert env.step(1)[4]["penalty"] == info["penalty"], "it stays for the episode"
    assert -2 <= min(logarithms) < -1.95
    assert -0.05 < max(logarithms) <= 0
    counts, _ = np.histogram(logarithms, bins=4, range=(-2, 0))
    assert np.abs(counts - 100).max() < 35  # four standard deviations


def test_a_penalty_range_from_zero_is_drawn_uniformly():
    env = make(penalty=(0, 0.4))
    env.reset(seed=0)
    drawn = [env.reset()[1]["penalty"] for _ in range(400)]
    counts, _ = np.histogram(drawn, bins=4, range=(0, 0.4))
    assert counts.sum() == 400
    assert np.abs(counts - 100).max() < 35


@pytest.mark.parametrize("given", [{}, {"start": "random"}])
def test_a_random_start_may_be_any_architecture_and_is_the_default(given):
    env = TabularEnv(TABLE, **given)
    env.reset(seed=0)
    counts = np.bincount([env.reset()[1]["architecture"] for _ in range(43 * 30)], minlength=43)
    assert counts.size == 43
    assert counts.min() >= 8  # four standard deviations below 30
    assert counts.max() <= 52


def test_penalty_start_and_noise_are_drawn_independently():
    env = make(start="random", penalty=(0, 1), noisy=True)
    env.reset(seed=0)
    rows = []
    for _ in range(600):
        _, info = env.reset()
        rows.append((info["architecture"], info["penalty"], seed_of(info)))
    correlations = np.corrcoef(np.array(rows, float).T) - np.eye(3)
    assert np.abs(correlations).max() < 4 / np.sqrt(600)


@pytest.mark.parametrize(
    "start",
    [
        *((), [], [[4, 0.25]], ((16, 0.5), (4, 0.25))),
        np.array([[16, 0.5], [4, 0.25]]),
    ],
)
def test_an_episode_starts_where_told(start):
    env = make(start=start)
    for seed in (0, 1):
        env.reset(seed=seed)
        assert env.architecture == tuple(map(tuple, start))


def test_one_episode_can_start_elsewhere():
    for settings_ in ({}, {"start": "random", "noisy": True}):
        env = make(**settings_)
        env.reset(seed=0, options={"architecture": [[4, 0.25], [16, 0.5]]})
        assert env.architecture == ((4, 0.25), (16, 0.5))
        env.step(0)
        env.reset(options={})
        assert env.architecture != ((4, 0.25), (16, 0.5))
    env.reset(options={"architecture": ()})
    assert env.architecture == ()


def test_without_a_hidden_layer_on_the_grid_there_is_nothing_to_do():
    env = TabularEnv(random_table(Grid((8,), (0.5,), 0)), episode_steps=2)
    _, info = env.reset(seed=0)
    assert info["action_mask"].tolist() == [1]
    assert info["regret"] == 0
    assert env.best_reachable()[0] == ()
    assert [env.step(0)[2] for _ in range(2)] == [False, True]


# --- episodes ---


@pytest.mark.parametrize("length", [1, 4, 20])
def test_an_episode_terminates_exactly_at_its_last_step(length):
    env = make(episode_steps=length)
    for _ in range(2):
        env.reset(seed=0)
        steps = any_actions(env, 0, length)
        assert [step[2] for step in steps] == [False] * (length - 1) + [True]
        assert not any(step[3] for step in steps)
        progress = [entry(step[0], "progress") for step in steps]
        assert progress == pytest.approx([k / length for k in range(1, length + 1)])


def whole(env: TabularEnv, seed: int | None) -> list[Any]:
    return [env.reset(seed=seed), *any_actions(env, 5, 8)]


RANDOM: dict[str, Any] = {"noisy": True, "start": "random", "penalty": (0.01, 1.0)}


@pytest.mark.parametrize("settings_", [{}, RANDOM])
def test_the_same_seed_gives_the_same_bits(settings_):
    first, again = make(**settings_), make(**settings_)
    assert bits(whole(first, 4)) == bits(whole(again, 4))
    assert bits(whole(first, 4)) == bits(whole(again, 4)), "and again, with a past"
    assert bits(whole(first, None)) == bits(whole(again, None)), "and without a seed"


def test_other_seeds_and_later_episodes_differ():
    env = make(**RANDOM)
    found = [env.reset(seed=seed)[0].tobytes() for seed in range(5)]
    found += [env.reset()[0].tobytes() for _ in range(5)]
    assert len(set(found)) == 10


@pytest.mark.parametrize("settings_", [{}, RANDOM])
@pytest.mark.parametrize("copied", [lambda env: pickle.loads(pickle.dumps(env)), copy.deepcopy])
def test_copy_in_mid_episode_continues_with_the_same_bits(settings_, copied):
    env = make(**settings_)
    env.reset(seed=3)
    play(env, np.random.default_rng(0), 4)
    other = copied(env)

    def rest(env: TabularEnv) -> list[Any]:
        return [*any_actions(env, 1, 4), *whole(env, None), env.best_reachable()]

    found = rest(other)  # first, so that the original would notice anything shared
    assert bits(found) == bits(rest(env))


def test_global_random_state_is_neither_used_nor_changed():
    np.random.seed(1)  # noqa: NPY002
    expected = np.random.RandomState(1).random()
    first = bits(whole(make(**RANDOM), 2))
    assert np.random.random() == expected  # noqa: NPY002
    assert bits(whole(make(**RANDOM), 2)) == first


# --- pictures ---


def test_a_text_names_layers_and_results():
    env = begin(((16, 0.25), (8, 0.5)), render_mode="ansi")
    text = env.render()
    lines = text.splitlines()
    assert lines[0].split() == ["hidden", "1", "16", "neurons,", "density", "0.25"]
    assert lines[1].split() == ["hidden", "2", "8", "neurons,", "density", "0.5"]
    record = TABLE.query(((16, 0.25), (8, 0.5)))
    assert any(line.split() == ["val_accuracy", f"{record.val_accuracy:.4f}"] for line in lines)
    for key in ("score", "penalty", "optimum", "regret"):
        assert key in text


def test_a_picture_shows_another_design_elsewhere():
    env = begin(render_mode="rgb_array")
    first = env.render()
    assert (first.dtype, first.ndim, first.shape[-1]) == (np.uint8, 3, 3)
    assert (env.render() == first).all()
    env.step(action("add_neurons"))
    assert (env.render() != first).any()


def test_without_a_render_mode_nothing_is_drawn():
    assert begin().render() is None


@pytest.mark.parametrize("render_mode", [None, "ansi", "rgb_array"])
def test_closing_twice_is_safe(render_mode):
    env = begin(render_mode=render_mode)
    env.render()
    env.close()
    env.close()
    make(render_mode=render_mode).close()


# --- what is refused ---


@pytest.mark.parametrize(
    ("settings_", "told"),
    [
        ({"table": "nope"}, "no table 'nope': expected digits or mnist, or the path"),
        ({"penalty": -0.1}, "penalty -0.1 is out of range: expected at least 0"),
        ({"penalty": (1, 0.1)}, "penalty range .* is upside down"),
        ({"penalty": float("nan")}, "penalty nan cannot be used"),
        ({"penalty": float("inf")}, "penalty inf cannot be used"),
        (
            {"penalty": "low"},
            "penalty 'low' cannot be used: expected a finite number or .low, high.",
        ),
        ({"penalty": (0.1, 0.2, 0.3)}, "penalty .* cannot be used"),
        ({"penalty": None}, "penalty None cannot be used"),
        ({"reward": "accuracy"}, "unknown reward 'accuracy': expected 'difference' or 'score'"),
        ({"reward": ["score"]}, "unknown reward"),
        ({"render_mode": "human"}, "unknown render mode 'human': expected None or 'ansi' or"),
        ({"episode_steps": 0}, "episode_steps 0 cannot be used: expected a whole number from 1"),
        ({"episode_steps": 2.5}, "episode_steps 2.5 cannot be used"),
        ({"epochs": 3}, "no results after 3 epochs: expected one of 1, 4"),
        ({"epochs": [1]}, "no results after .1. epochs"),
        ({"start": "linear"}, "unknown start 'linear': expected 'random' or 'middle'"),
        ({"start": None}, "is not on the grid"),
        ({"start": ((5, 0.5),)}, "is not on the grid: expected .* widths 4, 8, 16"),
        ({"start": (8, 0.5)}, "is not on the grid"),
        ({"start": 8}, "is not on the grid"),
    ],
)
def test_bad_arguments_are_refused(settings_, told):
    with pytest.raises(InputError, match=told):
        make(**settings_)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"seed": 1}, r"unknown reset options \['seed'\]: expected 'architecture' or none"),
        ({"architecture": (), "x": 1}, r"unknown reset options \['x'\]"),
        ({"architecture": ((5, 0.5),)}, "is not on the grid: expected .* widths 4, 8, 16"),
        ({"architecture": "random"}, "is not on the grid"),
    ],
)
def test_bad_reset_options_are_refused_and_the_episode_goes_on(options, told):
    env, other = begin(noisy=True), begin(noisy=True)
    with pytest.raises(InputError, match=told):
        env.reset(options=options)
    assert bits(any_actions(env, 0, 8)) == bits(any_actions(other, 0, 8))
    assert bits(env.reset()) == bits(other.reset())


@pytest.mark.parametrize("wrong", [-1, 13, 10**6, np.int64(13), 2**70])
def test_an_action_out_of_range_is_refused_and_changes_nothing(wrong):
    env, other = begin(noisy=True), begin(noisy=True)
    with pytest.raises(InputError, match=f"action {wrong} is out of range: expected 0 to 12"):
        env.step(wrong)
    assert bits(any_actions(env, 0, 8)) == bits(any_actions(other, 0, 8))


@pytest.mark.parametrize(
    "wrong",
    [
        *("add", None, [1, 2], float("nan"), 1.7, 1.0, np.array([1]), np.array([1, 2])),
        (),
    ],
)
def test_invalid_action_is_refused_and_changes_nothing(wrong):
    env, other = begin(noisy=True), begin(noisy=True)
    with pytest.raises(InputError, match=r"action .* cannot be taken: expected a whole number"):
        env.step(wrong)
    assert bits(any_actions(env, 0, 8)) == bits(any_actions(other, 0, 8))


@pytest.mark.parametrize("kind", [int, np.int64, np.int32, np.uint8, np.array])
def test_actions_may_be_of_any_whole_type(kind):
    env = begin()
    assert env.step(kind(action("add_neurons")))[4]["applied"] is True


def test_a_step_before_the_first_reset_or_after_the_end_is_refused():
    env = make(episode_steps=2)
    with pytest.raises(InputError, match=r"no episode is under way: call reset\(\) first"):
        env.step(0)
    env.reset(seed=0)
    last = any_actions(env, 0, 2)[-1]
    assert last[2]
    for _ in range(2):
        with pytest.raises(InputError, match="no episode is under way: call reset"):
            env.step(0)
    assert env.architecture == SMALL_GRID.architectures[last[4]["architecture"]]
    env.reset()
    env.step(0)


@pytest.mark.parametrize("asked", ["best_reachable", "action_masks", "render", "architecture"])
def test_before_the_first_reset_there_is_nothing_to_ask(asked):
    env = make(render_mode="ansi")

    def ask() -> None:
        value = getattr(env, asked)
        if callable(value):
            value()

    with pytest.raises(InputError, match="call reset"):
        ask()
    env.reset(seed=0)
    ask()

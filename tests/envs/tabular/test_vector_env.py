"""`TabularVectorEnv`: element for element what stepping `TabularEnv`s one by one gives."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import wrappers
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from rlnas.envs.tabular.tabular_env import TabularEnv
from rlnas.envs.tabular.vector_env import TabularVectorEnv
from rlnas.errors import InputError
from tests.core.tables import SMALL_GRID, random_table
from tests.envs.vectors import assert_same, frozen, run, spoil

TABLE = random_table()
N = 5
LENGTH = 7

RANDOM: dict[str, Any] = {"noisy": True, "start": "random", "penalty": (0.01, 1.0)}
SETTINGS: dict[str, dict[str, Any]] = {
    "deterministic": {},
    "score": {"reward": "score", "penalty": 0.7, "epochs": 1, "start": ((4, 0.25), (16, 0.5))},
    "noisy": {"noisy": True},
    "random start": {"start": "random"},
    "penalty range": {"penalty": (0.0, 2.0), "reward": "score"},
    "all random": RANDOM,
}


def ours(mode: AutoresetMode = AutoresetMode.NEXT_STEP, **settings: Any) -> TabularVectorEnv:
    """As users make it."""
    settings = {
        "num_envs": N,
        "table": TABLE,
        "episode_steps": LENGTH,
        "start": "middle",
        **settings,
    }
    vector = gym.make_vec(
        "rlnas/TabularDigits-v0",
        vectorization_mode="vector_entry_point",
        autoreset_mode=mode,
        **settings,
    )
    assert isinstance(vector, TabularVectorEnv)
    return vector


def one_by_one(
    mode: AutoresetMode = AutoresetMode.NEXT_STEP,
    num_envs: int = N,
    max_episode_steps: int | None = None,
    **settings: Any,
) -> SyncVectorEnv:
    """What it must equal."""

    def make() -> gym.Env:
        env: gym.Env = TabularEnv(
            **{"table": TABLE, "episode_steps": LENGTH, "start": "middle", **settings}
        )
        return env if max_episode_steps is None else wrappers.TimeLimit(env, max_episode_steps)

    return SyncVectorEnv([make] * num_envs, autoreset_mode=mode)


# --- the same, element for element ---


@pytest.mark.parametrize(
    ("settings", "limit"),
    [
        *((name, None) for name in SETTINGS),
        *((name, limit) for name in ("deterministic", "all random") for limit in (5, LENGTH)),
    ],
)
@pytest.mark.parametrize("mode", AutoresetMode)
def test_everything_equals_stepping_one_by_one(mode, settings, limit):
    arguments = SETTINGS[settings] | {"max_episode_steps": limit}
    vector, sync = ours(mode, **arguments), one_by_one(mode, **arguments)
    found, expected = run(vector, 40), run(sync, 40)
    assert_same(found, expected)
    steps = [outcome for outcome in found if len(outcome) == 5]
    for place, wanted in ((2, limit != 5), (3, limit is not None)):
        assert any(step[place].any() for step in steps) is wanted, "episodes end as they should"
    ends = [step[2] | step[3] for step in steps]
    assert any(end.any() and not end.all() for end in ends), "they are out of step"


@pytest.mark.parametrize("mode", AutoresetMode)
def test_one_environment_is_a_vector_too(mode):
    vector, sync = ours(mode, num_envs=1, **RANDOM), one_by_one(mode, num_envs=1, **RANDOM)
    assert_same(run(vector, 30), run(sync, 30))


@pytest.mark.parametrize("mode", AutoresetMode)
def test_short_unseeded_episodes_equal_those_of_single_environments(mode):
    arguments = RANDOM | {"episode_steps": 1}
    vectors = ours(mode, **arguments), one_by_one(mode, **arguments)
    rng = np.random.default_rng(0)
    for vector in vectors:
        vector.reset(seed=0)
    for step in range(60):
        assert_same(*(vector.step(np.arange(N)) for vector in vectors), f"step {step}")
        mask, seeds = rng.random(N) < 0.5, [None, None, 5 if step == 25 else None, None, None]
        if mode is AutoresetMode.DISABLED:
            mask[:] = True
        if mask.any():
            masks = [{"reset_mask": mask.copy()} for _ in vectors]
            pairs = zip(vectors, masks, strict=True)
            assert_same(*(vector.reset(seed=seeds, options=own) for vector, own in pairs))


@pytest.mark.parametrize("settings", [{}, RANDOM])
def test_seeds_may_be_a_number_a_list_or_none(settings):
    vectors = ours(**settings), one_by_one(**settings)
    rng = np.random.default_rng(0)
    for seed in (3, None, [5, 4, 3, 2, 1], None, [7, None, 7, None, 7], 3):
        assert_same(*(vector.reset(seed=seed) for vector in vectors), f"seed {seed}")
        for _ in range(LENGTH + 2):
            actions = rng.integers(13, size=N)
            assert_same(*(vector.step(actions) for vector in vectors))


def test_a_number_is_the_seed_of_the_first_and_the_next_ones_follow():
    vector = ours(**RANDOM)
    as_number, as_list = vector.reset(seed=11), vector.reset(seed=[11, 12, 13, 14, 15])
    assert_same(as_number, as_list)
    assert len({row.tobytes() for row in as_number[0]}) == N
    assert_same(vector.reset(seed=np.int64(11)), as_number)  # type: ignore[arg-type]


def test_unseeded_environments_differ():
    starts = [ours(**RANDOM).reset()[1]["penalty"] for _ in range(2)]
    assert np.unique(starts).size == 2 * N


@pytest.mark.parametrize("settings", [{}, RANDOM])
def test_episodes_can_start_elsewhere_in_some_environments(settings):
    mask = np.array([True, False, True, False, False])
    elsewhere = ((16, 0.25), (4, 0.5))
    vectors = ours(**settings), one_by_one(**settings)
    for options in (
        {"architecture": elsewhere},
        {},
        {"architecture": (), "reset_mask": mask},
        {"architecture": [[16, 0.25]], "reset_mask": ~mask},
        None,
    ):
        given = [None if options is None else dict(options) for _ in vectors]
        pairs = zip(vectors, given, strict=True)
        assert_same(*(vector.reset(seed=2, options=own) for vector, own in pairs))
        for action in range(3):
            assert_same(*(vector.step(np.full(N, action)) for vector in vectors))


def test_reset_options_are_not_changed():
    vector = ours()
    vector.reset(seed=0)
    options = {"reset_mask": np.ones(N, bool), "architecture": ()}
    vector.reset(options=options)
    assert set(options) == {"reset_mask", "architecture"}


def test_masks_and_architectures_are_those_of_each_environment():
    vector, sync = ours(**RANDOM), one_by_one(**RANDOM)
    for each in (vector, sync):
        each.reset(seed=0)
    for actions in np.random.default_rng(0).integers(13, size=(20, N)):
        *_, infos = vector.step(actions)
        sync.step(actions)
        masks = vector.action_masks()
        assert (masks.dtype, masks.shape) == (bool, (N, 13))
        assert masks.tolist() == np.stack(sync.call("action_masks")).tolist()
        assert masks.tolist() == infos["action_mask"].astype(bool).tolist()
        assert tuple(vector.architectures) == sync.get_attr("architecture")
    masks[:] = False
    assert vector.action_masks().any(), "a copy"


def test_actions_sampled_by_the_masks_are_applied():
    vector = ours(**RANDOM)
    _, infos = vector.reset(seed=0)
    vector.action_space.seed(0)
    for _ in range(LENGTH):
        actions = vector.action_space.sample(mask=tuple(infos["action_mask"]))
        *_, infos = vector.step(actions)
        assert infos["applied"].all()


@pytest.mark.parametrize("render_mode", [None, "ansi", "rgb_array"])
def test_pictures_are_those_of_each_environment(render_mode):
    arguments: dict[str, Any] = RANDOM | {"num_envs": 2, "render_mode": render_mode}
    vector, sync = ours(**arguments), one_by_one(**arguments)
    for each in (vector, sync):
        each.reset(seed=0)
        each.step(np.array([7, 3]))
    assert vector.render_mode == render_mode
    if render_mode is None:
        assert vector.render() is None
    else:
        assert_same(vector.render(), sync.render())


def test_spaces_and_metadata_are_those_of_a_vector_of_environments():
    for mode in AutoresetMode:
        vector, sync = ours(mode), one_by_one(mode)
        assert vector.num_envs == sync.num_envs == N
        for name in ("action_space", "observation_space"):
            assert getattr(vector, name) == getattr(sync, name)
            assert getattr(vector, f"single_{name}") == getattr(sync, f"single_{name}")
        assert vector.metadata == sync.metadata
        assert vector.metadata["autoreset_mode"] is mode


@pytest.mark.parametrize("mode", AutoresetMode)
def test_a_mode_may_be_given_by_its_value(mode):
    vector = ours(mode.value, **RANDOM)
    assert vector.metadata["autoreset_mode"] is mode
    assert_same(run(vector, 20), run(ours(mode, **RANDOM), 20))


def test_it_is_made_by_its_id_without_a_warning():
    vector = gym.make_vec(
        "rlnas/TabularDigits-v0", num_envs=3, vectorization_mode="vector_entry_point"
    )
    observations, _ = vector.reset(seed=0)
    assert observations.shape == (3, 32)
    assert vector.spec is not None
    assert vector.metadata["autoreset_mode"] is AutoresetMode.NEXT_STEP


def test_episodes_end_as_in_the_manual():
    vector = ours(AutoresetMode.NEXT_STEP, episode_steps=2)
    vector.reset(seed=0)
    vector.step(np.ones(N, int))
    _, _, terminated, truncated, _ = vector.step(np.ones(N, int))
    assert terminated.all()
    assert not truncated.any()
    first, _ = vector.reset(seed=0)
    vector.step(np.ones(N, int))
    vector.step(np.ones(N, int))
    observations, rewards, terminated, *_ = vector.step(np.full(N, 7))
    np.testing.assert_array_equal(observations, first)
    assert not rewards.any()
    assert not terminated.any()


# --- nothing is shared with what was returned ---


@pytest.mark.parametrize("mode", AutoresetMode)
def test_returned_values_are_not_changed_by_later_steps(mode):
    vector, kept, before = ours(mode, **RANDOM), [], []
    rng = np.random.default_rng(0)

    def keep(outcome: Any) -> None:
        kept.append(outcome)
        before.append(frozen(outcome))

    keep(vector.reset(seed=0))
    for _ in range(3):
        for _ in range(LENGTH):
            keep(vector.step(rng.integers(13, size=N)))
        keep(vector.reset(options={"reset_mask": np.ones(N, bool)}))
    assert [frozen(outcome) for outcome in kept] == before


@pytest.mark.parametrize("mode", AutoresetMode)
def test_changing_what_was_returned_changes_nothing_else(mode):
    vector, other = ours(mode, **RANDOM), ours(mode, **RANDOM)
    rng = np.random.default_rng(0)
    for _ in range(3):
        outcomes = [each.reset(seed=4) for each in (vector, other)]
        assert_same(*outcomes)
        spoil(outcomes[0])
        for _ in range(LENGTH if mode is AutoresetMode.DISABLED else 2 * LENGTH):
            actions = rng.integers(13, size=N)
            outcomes = [each.step(actions) for each in (vector, other)]
            assert_same(*outcomes)
            spoil(outcomes[0])


def test_arrays_of_one_result_do_not_share_memory():
    vector = ours(AutoresetMode.SAME_STEP, episode_steps=1, **RANDOM)
    vector.reset(seed=0)
    observations, rewards, terminated, truncated, infos = vector.step(np.ones(N, int))
    arrays = [observations, rewards, terminated, truncated]
    arrays += [infos[key] for key in infos if not key.startswith(("_", "final_"))]
    arrays += [infos["final_info"][key] for key in infos["final_info"] if key[0] != "_"]
    arrays += list(infos["final_obs"])
    for place, one in enumerate(arrays):
        for other in arrays[place + 1 :]:
            assert not np.may_share_memory(one, other) or not np.shares_memory(one, other)


def test_two_vectors_do_not_disturb_each_other():
    first, second = ours(**RANDOM), ours(**RANDOM)
    first.reset(seed=0)
    second.reset(seed=1)
    alone = ours(**RANDOM)
    alone.reset(seed=0)
    for actions in np.random.default_rng(0).integers(13, size=(20, N)):
        second.step(actions)
        assert_same(first.step(actions), alone.step(actions))


def test_actions_given_are_not_changed():
    vector = ours()
    vector.reset(seed=0)
    actions = np.arange(N)
    vector.step(actions)
    assert actions.tolist() == list(range(N))


# --- Gymnasium's wrappers ---


def test_record_episode_statistics_counts_whole_episodes():
    vector = wrappers.vector.RecordEpisodeStatistics(ours(**RANDOM))
    vector.reset(seed=0)
    paid, lengths = np.zeros(N), []
    for actions in np.random.default_rng(0).integers(13, size=(3 * (LENGTH + 1), N)):
        _, rewards, terminated, _, infos = vector.step(actions)
        paid += rewards
        if terminated.any():
            assert infos["episode"]["r"] == pytest.approx(paid)
            lengths += infos["episode"]["l"].tolist()
            paid[:] = 0
    assert lengths == [LENGTH] * 3 * N


def test_normalize_observation_runs_in_its_mode():
    vector = wrappers.vector.NormalizeObservation(ours(**RANDOM))
    observations, _ = vector.reset(seed=0)
    for actions in np.random.default_rng(0).integers(13, size=(40, N)):
        observations, *_ = vector.step(actions)
        assert np.isfinite(observations).all()
    assert np.abs(observations).max() > 1


# --- what is refused ---


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"num_envs": 0}, "num_envs 0 cannot be used: expected a whole number from 1"),
        ({"num_envs": -1}, "num_envs -1 cannot be used"),
        ({"num_envs": 2.0}, "num_envs 2.0 cannot be used"),
        (
            {"autoreset_mode": "Never"},
            "unknown autoreset_mode 'Never': expected 'NextStep' or 'SameStep' or 'Disabled'",
        ),
        ({"autoreset_mode": None}, "unknown autoreset_mode None"),
        ({"reward": "accuracy"}, "unknown reward 'accuracy'"),
        ({"penalty": -1}, "penalty -1 is out of range"),
        ({"episode_steps": 0}, "episode_steps 0 cannot be used"),
        ({"epochs": 3}, "no results after 3 epochs"),
        ({"start": "linear"}, "unknown start 'linear'"),
        ({"render_mode": "human"}, "unknown render mode 'human'"),
        ({"table": "nope"}, "no table 'nope'"),
        ({"max_episode_steps": 0}, "max_episode_steps 0"),
        ({"max_episode_steps": -5}, "max_episode_steps -5"),
        ({"max_episode_steps": 2.5}, "max_episode_steps 2.5"),
        ({"max_episode_steps": "3"}, "max_episode_steps '3'"),
    ],
)
def test_bad_arguments_are_refused(settings, told):
    with pytest.raises(InputError, match=told):
        TabularVectorEnv(**{"num_envs": 2, "table": TABLE, **settings})


def test_a_limit_of_minus_1_is_none_as_in_gymnasium():
    vectors = [
        gym.make_vec(
            "rlnas/TabularDigits-v0", 2, vectorization_mode=kind, max_episode_steps=-1, table=TABLE
        )
        for kind in ("sync", "vector_entry_point")
    ]
    for vector in vectors:
        vector.reset(seed=0)
        assert not vector.step(np.zeros(2, int))[3].any()


@pytest.mark.parametrize("mode", AutoresetMode)
@pytest.mark.parametrize(
    ("actions", "told"),
    [
        (np.zeros(N - 1, int), r"actions of shape \(4,\) and type int64 .* expected 5 integers"),
        (np.zeros((N, 1), int), r"actions of shape \(5, 1\)"),
        (0, r"actions of shape \(\)"),
        (np.zeros(N), "type float64 cannot be taken: expected 5 integers"),
        (np.zeros(N, bool), "type bool cannot be taken: expected 5 integers"),
        (["none"] * N, "cannot be taken: expected 5 integers"),
        (None, "cannot be taken: expected 5 integers"),
        (np.array([0, 0, 13, 0, -1]), "action 13 of environment 2 is out of range: expected 0 to"),
        (np.array([0, 0, 0, 0, -1]), "action -1 of environment 4 is out of range: .* 0 to 12"),
        (np.full(N, 2**64 - 1, np.uint64), "of environment 0 is out of range"),
        ([[0], 0, 0, 0, 0], "expected 5 integers"),
    ],
)
def test_wrong_actions_are_refused_and_change_nothing(mode, actions, told):
    vector, other = ours(mode, **RANDOM), ours(mode, **RANDOM)
    for each in (vector, other):
        each.reset(seed=0)
        each.step(np.arange(N))
    with pytest.raises(InputError, match=told):
        vector.step(actions)
    for _ in range(LENGTH - 1 if mode is AutoresetMode.DISABLED else 2 * LENGTH):
        assert_same(vector.step(np.arange(N)), other.step(np.arange(N)))


@pytest.mark.parametrize("kind", [list, tuple, np.int32, np.uint8, np.int64])
def test_actions_may_be_of_any_whole_type(kind):
    vector, other = ours(), ours()
    for each in (vector, other):
        each.reset(seed=0)
    actions = np.arange(N)
    converted = kind(actions.tolist()) if kind in (list, tuple) else actions.astype(kind)
    assert_same(vector.step(converted), other.step(actions))


@pytest.mark.parametrize(
    "mask",
    [
        np.zeros(N, bool),
        np.ones(N - 1, bool),
        np.ones((N, 1), bool),
        np.ones(N, int),
        [0, 1, 0, 1, 0],
        True,
        None,
        "all",
    ],
)
def test_wrong_masks_are_refused_and_change_nothing(mask):
    vector, other = ours(**RANDOM), ours(**RANDOM)
    for each in (vector, other):
        each.reset(seed=0)
    with pytest.raises(InputError, match=r"(?s)reset_mask .* expected 5 booleans, at least"):
        vector.reset(seed=9, options={"reset_mask": mask})
    assert_same(run_on(vector), run_on(other))


def run_on(vector: TabularVectorEnv) -> list[Any]:
    """Some steps from where it is, into the next episode."""
    return [vector.step(np.arange(N)) for _ in range(LENGTH + 3)]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"options": {"start": ()}}, r"unknown reset options \['start'\]: expected 'architecture'"),
        ({"options": {"architecture": ((5, 0.5),)}}, "is not on the grid"),
        ({"seed": [1, 2, 3]}, "3 seeds cannot be used: expected 5"),
    ],
)
def test_a_bad_reset_is_refused_and_changes_nothing(settings, told):
    vector, other = ours(**RANDOM), ours(**RANDOM)
    for each in (vector, other):
        each.reset(seed=0)
    with pytest.raises(InputError, match=told):
        vector.reset(**{"seed": 9, **settings})
    assert_same(run_on(vector), run_on(other))
    assert_same(vector.reset(), other.reset())


@pytest.mark.parametrize("mode", AutoresetMode)
def test_nothing_can_be_done_before_all_have_been_reset(mode):
    vector = ours(mode)
    with pytest.raises(InputError, match=r"no episode is under way: call reset\(\) first"):
        vector.step(np.zeros(N, int))
    mask = np.array([True, False, False, False, False])
    with pytest.raises(InputError, match=r"no episode is under way: call reset\(\) first"):
        vector.reset(options={"reset_mask": mask})
    with pytest.raises(InputError, match="no episode is under way"):
        vector.step(np.zeros(N, int))
    assert_same(vector.reset(seed=0), one_by_one(mode).reset(seed=0))


def test_stepping_over_the_end_is_refused_if_nobody_resets():
    mode = AutoresetMode.DISABLED
    vector, other = ours(mode, **RANDOM), ours(mode, **RANDOM)
    for each in (vector, other):
        each.reset(seed=0)
        each.step(np.arange(N))
        each.reset(options={"reset_mask": np.array([False, True, False, True, False])})
        for _ in range(LENGTH - 1):
            each.step(np.arange(N))
    with pytest.raises(InputError, match=r"environments \[0, 2, 4\] are over: call reset"):
        vector.step(np.arange(N))
    mask = np.array([True, False, True, False, True])
    assert_same(*(each.reset(options={"reset_mask": mask}) for each in (vector, other)))
    assert_same(vector.step(np.arange(N)), other.step(np.arange(N)))
    with pytest.raises(InputError, match=r"environments \[1, 3\] are over"):
        vector.step(np.arange(N))


def test_closing_twice_is_safe():
    vector = ours()
    vector.reset(seed=0)
    vector.close()
    vector.close()


def test_the_small_grid_is_visited():
    """Otherwise the comparisons above would say little."""
    vector, visited = ours(AutoresetMode.SAME_STEP, **RANDOM), set()
    vector.reset(seed=0)
    for actions in np.random.default_rng(0).integers(13, size=(60, N)):
        visited |= set(vector.step(actions)[4]["architecture"].tolist())
    assert len(visited) > len(SMALL_GRID.architectures) * 0.8

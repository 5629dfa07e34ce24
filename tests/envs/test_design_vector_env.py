"""`DesignVectorEnv`: to the bit what stepping `DesignEnv`s one by one gives, in threads."""

import subprocess
import sys
import threading
from time import sleep
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import wrappers
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from rlnas.data import loading
from rlnas.envs.design_env import DesignEnv
from rlnas.envs.design_vector_env import DesignVectorEnv
from rlnas.errors import InputError
from tests.envs.helpers import TASK
from tests.envs.vectors import assert_same, frozen, run, spoil

N = 3
LENGTH = 3
WINE: dict[str, Any] = {
    **{"dataset": "wine", "episode_steps": LENGTH, "batches_per_step": 1, "width": 6},
    **{"penalty": (0.1, 1.0)},
}


@pytest.fixture
def ours():
    """A function that makes vectors as users do; they are closed after the test."""
    made = []

    def make(mode: AutoresetMode = AutoresetMode.NEXT_STEP, **settings: Any) -> DesignVectorEnv:
        vector = gym.make_vec(
            "rlnas/Digits-v1",
            vectorization_mode="vector_entry_point",
            autoreset_mode=mode,
            **{"num_envs": N, "num_threads": 2, **WINE, **settings},
        )
        assert isinstance(vector, DesignVectorEnv)
        made.append(vector)
        return vector

    yield make
    for vector in made:
        vector.close()


def one_by_one(
    mode: AutoresetMode = AutoresetMode.NEXT_STEP,
    num_envs: int = N,
    max_episode_steps: int | None = None,
    **settings: Any,
) -> SyncVectorEnv:
    """What it must equal."""

    def make() -> gym.Env:
        env: gym.Env = DesignEnv(**{**WINE, **settings})
        return env if max_episode_steps is None else wrappers.TimeLimit(env, max_episode_steps)

    return SyncVectorEnv([make] * num_envs, autoreset_mode=mode)


# --- the same bits ---


@pytest.fixture(scope="module")
def expected() -> dict[Any, list[Any]]:
    """What stepping one by one gives, in every mode, without and with a limit of 2 steps."""
    return {
        (mode, limit): run(one_by_one(mode, max_episode_steps=limit), 16)
        for mode in AutoresetMode
        for limit in (None, 2)
    }


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("limit", [None, 2])
@pytest.mark.parametrize("mode", AutoresetMode)
def test_threads_give_the_bits_of_stepping_one_by_one(ours, expected, mode, limit, threads):
    found = run(ours(mode, max_episode_steps=limit, num_threads=threads), 16)
    assert_same(found, expected[mode, limit])
    steps = [outcome for outcome in found if len(outcome) == 5]
    ends = [step[2] | step[3] for step in steps]
    assert any(end.any() and not end.all() for end in ends), "they are out of step"
    assert any(step[3].any() for step in steps) is (limit == 2)


def test_more_threads_than_environments_and_one_environment_do(ours):
    for num_envs in (1, 2):
        vector = ours(AutoresetMode.SAME_STEP, num_envs=num_envs, num_threads=8)
        sync = one_by_one(AutoresetMode.SAME_STEP, num_envs=num_envs)
        assert_same(run(vector, 8), run(sync, 8))


def test_several_data_sets_and_arrays_give_the_same_bits_too(ours):
    dataset = ["wine", (TASK.features, TASK.labels)]
    vector, sync = ours(dataset=dataset), one_by_one(dataset=dataset)
    found, wanted = run(vector, 8), run(sync, 8)
    assert_same(found, wanted)
    assert {index for outcome in found for index in outcome[-1]["dataset_index"]} == {0, 1}


def test_seeds_may_be_a_number_a_list_or_none(ours):
    vectors = ours(), one_by_one()
    for seed in (3, None, [5, 4, 3], [7, None, 7]):
        assert_same(*(vector.reset(seed=seed) for vector in vectors), f"seed {seed}")
        assert_same(*(vector.step(np.array([1, 11, 21])) for vector in vectors))


def test_spaces_and_metadata_are_those_of_a_vector_of_environments(ours):
    for mode in AutoresetMode:
        vector, sync = ours(mode), one_by_one(mode)
        assert vector.metadata == sync.metadata
        assert vector.metadata["autoreset_mode"] is mode
        for name in ("action_space", "observation_space"):
            assert getattr(vector, name) == getattr(sync, name)
            assert getattr(vector, f"single_{name}") == getattr(sync, f"single_{name}")


def test_methods_of_every_environment_can_be_called(ours):
    vectors = ours(render_mode="ansi"), one_by_one(render_mode="ansi")
    for vector in vectors:
        vector.reset(seed=0)
        vector.step(np.array([1, 11, 21]))
    one, other = vectors
    assert_same(one.call("action_masks"), other.call("action_masks"))
    assert_same(one.render(), other.render())
    assert one.render_mode == "ansi"
    assert [state.elapsed for state in one.get_attr("state")] == [1] * N


@pytest.mark.parametrize("mode", AutoresetMode)
def test_returned_values_are_not_changed_by_later_steps(ours, mode):
    vector, kept, before = ours(mode), [], []
    for episode in range(2):
        kept.append(vector.reset(seed=episode))
        before.append(frozen(kept[-1]))
        for step in range(LENGTH):
            kept.append(vector.step(np.arange(N) + step))
            before.append(frozen(kept[-1]))
    assert [frozen(outcome) for outcome in kept] == before


def test_changing_what_was_returned_changes_nothing_else(ours):
    vectors = [ours(AutoresetMode.SAME_STEP) for _ in range(2)]
    outcomes = [vector.reset(seed=0) for vector in vectors]
    for step in range(5):
        assert_same(*outcomes)
        spoil(outcomes[0][0])
        spoil(outcomes[0][-1]["action_mask"])
        outcomes = [vector.step(np.arange(N) + step) for vector in vectors]


# --- one copy of the data ---


@pytest.mark.parametrize(
    "source", ["wine", "path", TASK, (TASK.features, TASK.labels)], ids=["name", 1, 2, "arrays"]
)
def test_all_environments_share_one_copy_of_the_data(ours, source, tmp_path):
    if source == "path":
        source = str(tmp_path / "mine.npz")
        np.savez(source, X=TASK.features, y=TASK.labels)
    vector = ours(dataset=source)
    held = vector.get_attr("datasets")
    assert all(len(one) == 1 for one in held)
    assert len({id(one[0]) for one in held}) == 1
    vector.reset(seed=0)
    first = vector.envs[0].unwrapped.dataset
    assert first is held[0][0]
    assert all(env.unwrapped.dataset is first for env in vector.envs)
    if source == "wine":
        assert first is loading.load_dataset("wine")


def test_neither_importing_nor_using_it_imports_torch():
    code = """
import sys, gymnasium, numpy, rlnas
vector = gymnasium.make_vec(
    "rlnas/Digits-v1", num_envs=2, vectorization_mode="vector_entry_point",
    dataset="wine", batches_per_step=1,
)
vector.reset(seed=0)
vector.step(numpy.zeros(2, int))
vector.close()
tabular = gymnasium.make_vec(
    "rlnas/TabularDigits-v0", num_envs=2, vectorization_mode="vector_entry_point"
)
print(*(name for name in ("torch", "stable_baselines3", "rlnas.agents") if name in sys.modules))
"""
    command = [sys.executable, "-W", "error", "-c", code]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (run.stdout, run.stderr) == ("\n", "")


# --- closing ---


def test_closing_ends_the_threads_and_twice_is_safe(ours):
    before = set(threading.enumerate())
    vector = ours()
    vector.reset(seed=0)
    started = set(threading.enumerate()) - before
    assert {thread.is_alive() for thread in started} == {True}
    vector.close()
    assert {thread.is_alive() for thread in started} == {False}
    vector.close()


def test_closing_closes_the_environments(ours, monkeypatch):
    closed = []
    monkeypatch.setattr(DesignEnv, "close", lambda self: closed.append(id(self)))
    vector = ours()
    ids = [id(env.unwrapped) for env in vector.envs]
    vector.close()
    assert sorted(closed) == sorted(ids)


# --- what is refused ---


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"num_envs": 0}, "num_envs 0 cannot be used: expected a whole number from 1"),
        ({"num_envs": 1.5}, "num_envs 1.5 cannot be used"),
        ({"autoreset_mode": "Never"}, "unknown autoreset_mode 'Never': expected 'NextStep' or"),
        ({"dataset": "winee"}, "unknown data set 'winee'"),
        ({"dataset": []}, "no data set: expected at least one"),
        ({"penalty": -1}, "penalty -1 is out of range"),
        ({"render_mode": "human"}, "unknown render mode 'human'"),
        ({"num_threads": -1}, "num_threads -1"),
        ({"num_threads": 0}, "num_threads 0"),
        ({"max_episode_steps": 0}, "max_episode_steps 0"),
        ({"max_episode_steps": 2.5}, "max_episode_steps 2.5"),
    ],
)
def test_bad_arguments_are_refused(settings, told):
    with pytest.raises(InputError, match=told):
        DesignVectorEnv(**{"num_envs": N, **WINE, **settings})


@pytest.mark.parametrize("mode", AutoresetMode)
@pytest.mark.parametrize(
    ("actions", "told"),
    [
        (np.zeros(N - 1, int), r"actions of shape \(2,\) and type int64 .* expected 3 integers"),
        (np.zeros((N, 1), int), r"actions of shape \(3, 1\)"),
        (np.zeros(N), "type float64 cannot be taken: expected 3 integers"),
        (np.array([1, 39, 1]), "action 39 of environment 1 is out of range: expected 0 to 38"),
        (np.array([1, 1, -1]), "action -1 of environment 2 is out of range"),
    ],
)
def test_wrong_actions_are_refused_and_change_nothing(ours, mode, actions, told):
    vector, other = ours(mode), one_by_one(mode)
    for each in (vector, other):
        each.reset(seed=0)
        each.step(np.array([1, 11, 21]))
    with pytest.raises(InputError, match=told):
        vector.step(actions)
    for _ in range(2 if mode is AutoresetMode.DISABLED else 4):
        assert_same(*(each.step(np.array([0, 1, 11])) for each in (vector, other)))


@pytest.mark.parametrize("mask", [np.zeros(N, bool), np.ones(N - 1, bool), np.ones(N, int), None])
def test_wrong_masks_are_refused_and_change_nothing(ours, mask):
    vector, other = ours(), one_by_one()
    for each in (vector, other):
        each.reset(seed=0)
    with pytest.raises(InputError, match=r"reset_mask .* cannot be used: expected 3 booleans"):
        vector.reset(seed=9, options={"reset_mask": mask})
    for _ in range(4):
        assert_same(*(each.step(np.array([0, 1, 11])) for each in (vector, other)))


def test_a_mask_may_be_a_list_as_for_tabular_environments(ours):
    vector, other = ours(), one_by_one()
    mask = [True, False, True]
    for each, given in ((vector, mask), (other, np.array(mask))):
        each.reset(seed=0)
        each.step(np.array([0, 1, 11]))
        outcome = each.reset(options={"reset_mask": given})
        each.last = outcome
    assert_same(vector.last, other.last)


def test_reset_options_are_not_changed(ours):
    vector = ours()
    vector.reset(seed=0)
    options = {"reset_mask": np.ones(N, bool)}
    vector.reset(options=options)
    assert set(options) == {"reset_mask"}


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"options": {"start": ()}}, r"unknown reset options \['start'\]: expected 'architecture'"),
        ({"seed": [1, 2]}, "2 seeds cannot be used: expected 3"),
    ],
)
def test_a_bad_reset_is_refused_and_the_episodes_go_on(ours, settings, told):
    vector, other = ours(), one_by_one()
    for each in (vector, other):
        each.reset(seed=0)
    with pytest.raises(InputError, match=told):
        vector.reset(**settings)
    for _ in range(LENGTH + 2):
        assert_same(*(each.step(np.array([0, 1, 11])) for each in (vector, other)))


@pytest.mark.parametrize(
    "call",
    [
        lambda vector: vector.step(np.zeros(N, int)),
        lambda vector: vector.reset(options={"reset_mask": np.arange(N) < 1}),
    ],
    ids=["step", "partial reset"],
)
def test_nothing_can_be_done_before_all_have_been_reset(ours, call):
    vector = ours()
    with pytest.raises(InputError, match="reset"):
        call(vector)
    assert_same(vector.reset(seed=0), one_by_one().reset(seed=0))


def test_stepping_over_the_end_is_refused_if_nobody_resets(ours):
    mode = AutoresetMode.DISABLED
    vector, other = ours(mode), one_by_one(mode)
    for each in (vector, other):
        each.reset(seed=0)
        each.step(np.array([0, 1, 11]))
        each.reset(options={"reset_mask": np.array([False, True, False])})
        for _ in range(LENGTH - 1):
            each.step(np.array([0, 1, 11]))
    with pytest.raises(InputError, match=r"environments \[0, 2\] are over: call reset"):
        vector.step(np.array([0, 1, 11]))
    mask = np.array([True, False, True])
    assert_same(*(each.reset(options={"reset_mask": mask.copy()}) for each in (vector, other)))
    assert_same(*(each.step(np.array([0, 1, 11])) for each in (vector, other)))


class Trap(Exception):
    """Raised by an environment in a thread."""


def test_exception_in_thread_reaches_caller_and_reset_recovers(ours, monkeypatch):
    step = DesignEnv.step

    def failing(self: DesignEnv, action: Any) -> Any:
        if action == 5:
            raise Trap
        if action == 1 and not late:
            sleep(0.2)  # still under way when the other one fails
            late.append(action)
        return step(self, action)

    late: list[int] = []
    vector, other = ours(), one_by_one()
    monkeypatch.setattr(DesignEnv, "step", failing)
    vector.reset(seed=0)
    with pytest.raises(Trap):
        vector.step(np.array([0, 5, 1]))
    assert late == [1]
    assert_same(run(vector, 0, seed=1), run(other, 0, seed=1))
    for _ in range(LENGTH + 2):
        assert_same(*(each.step(np.array([0, 1, 11])) for each in (vector, other)))

"""`WorkerVecEnv` in processes and on Ray: the bits and the interface of `ThreadedVecEnv`."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pytest

from rlnas.agents.distributed.worker import Question
from rlnas.agents.distributed.worker_vec_env import WorkerVecEnv
from rlnas.envs.replay import Moment, ReplayableEnv
from rlnas.envs.sb3_vec_env import ReplayableVecEnv
from rlnas.errors import InputError
from rlnas.files.typed import Damaged
from tests.agents.distributed.helpers import QUIET, wine

pytestmark = QUIET

WORKERS = ["processes", pytest.param("ray", marks=pytest.mark.ray)]


@pytest.fixture(scope="module", params=WORKERS)
def workers(request) -> Any:
    """Where workers are."""
    if request.param == "ray":
        request.getfixturevalue("one_machine")
    return request.param


@pytest.fixture(scope="module")
def env(workers) -> Iterator[WorkerVecEnv]:
    env = WorkerVecEnv(wine, 3, workers, num_workers=2)
    yield env
    env.close()
    env.close()


def test_results_are_those_of_threads(env):
    threads = ReplayableVecEnv([partial(wine, index) for index in range(3)])
    for each in (env, threads):
        each.seed(5)
    np.testing.assert_array_equal(env.reset(), threads.reset())
    for step in range(8):
        assert len(env.moments()) == 3
        for (state, best), (other, best_other) in zip(
            env.moments(), threads.moments(), strict=True
        ):
            assert state == other
            assert (best is None) == (best_other is None)
            if best is not None and best_other is not None:
                assert best.info["score"] == best_other.info["score"]
                assert best.network.active_weights == best_other.network.active_weights
        masks = env.env_method("action_masks")
        np.testing.assert_array_equal(masks, threads.env_method("action_masks"))
        actions = np.array([np.flatnonzero(mask)[step % mask.sum()] for mask in masks])
        (*arrays, infos), (*others, other_infos) = env.step(actions), threads.step(actions)
        for one, other in zip(arrays, others, strict=True):
            np.testing.assert_array_equal(one, other)
            assert one.dtype == other.dtype
        np.testing.assert_equal(infos, other_infos)
        np.testing.assert_equal(env.reset_infos, threads.reset_infos)
    threads.close()


def test_attributes_and_methods_of_chosen_environments(env):
    env.seed(3)
    env.reset()
    assert env.get_attr("penalty") == pytest.approx([0.1, 1.1, 2.1])
    assert env.get_attr("penalty", [2, 0]) == pytest.approx([2.1, 0.1])
    assert env.get_attr("penalty", 1) == pytest.approx([1.1])
    assert env.env_is_wrapped(ReplayableEnv) == [True] * 3
    states = env.env_method("state")
    assert [state["actions"] for state in states] == [[], [], []]
    with pytest.raises(AttributeError, match="nonsense"):
        env.get_attr("nonsense")
    env.set_attr("note", "hers", [2, 1])
    env.env_method("set_wrapper_attr", "note", "his", indices=0)
    assert env.get_attr("note") == ["his", "hers", "hers"]
    env.set_options({"penalty": 0.5})
    with pytest.raises(InputError, match="no options"):
        env.reset()
    env.set_options({})


def test_action_masks_equal_those_of_the_environments_after_every_step(env):
    env.seed(0)
    env.reset()
    for _ in range(4):
        known = env.env_method("action_masks")
        ask = Question("env_method", ("action_masks", (), {}, [0]))
        answers = env.pool.ask([ask, ask])
        np.testing.assert_array_equal([known[0], known[2]], [mask for (mask,) in answers])
        assert known[0].dtype == bool
        actions = np.array([np.flatnonzero(mask)[-1] for mask in known])
        env.step(actions)


def test_exceptions_of_environments_are_raised_and_the_others_go_on(env):
    env.seed(0)
    env.reset()
    for wrong in ([0, 10_000, 0], [10_000, 0, 0]):
        with pytest.raises(InputError, match="action"):
            env.step(np.array(wrong))
    env.step(np.array([0, 0, 0]))
    assert [len(moment.state["actions"]) for moment in env.moments()] == [2, 2, 0]


def test_restore_refuses_an_impossible_state(env):
    env.seed(0)
    env.reset()
    states = [moment.state for moment in env.moments()]
    observations = env.step(np.array([0, 0, 0]))[0]
    for wrong in ([39], [0, 0, 0], [0, 0, 0, 0], "x"):
        moments = [Moment({**state, "actions": wrong}, None) for state in states]
        with pytest.raises(Damaged):
            env.restore([Moment(states[0], None), *moments[1:]])
    replayed = env.restore([Moment({**state, "actions": [0]}, None) for state in states])
    np.testing.assert_array_equal([each.observation for each in replayed], observations)

"""A search reads the current design and the cost of an evaluation from every environment alike."""

import numpy as np
import pytest

from rlnas.envs.design_env import DesignEnv
from rlnas.envs.searchable import SearchableEnv
from rlnas.envs.tabular.tabular_env import TabularEnv
from rlnas.errors import InputError
from tests.core.reference import bits as network_bits
from tests.core.tables import random_table
from tests.envs.helpers import TASK


def live() -> DesignEnv:
    return DesignEnv(TASK, episode_steps=4, batches_per_step=3, width=8)


def tabular() -> TabularEnv:
    return TabularEnv(random_table(), episode_steps=4)


@pytest.mark.parametrize("make", [live, tabular])
def test_current_design_is_what_the_info_measures(make):
    env = make()
    _, info = env.reset(seed=0)
    env.action_space.seed(0)
    for _ in range(4):
        design = env.current_design
        if isinstance(env, TabularEnv):
            assert env.table.query(design).active_weights == info["active_weights"]
        else:
            assert np.count_nonzero(design.connections[0]) == info["active_weights"]
        info = env.step(env.action_space.sample(info["action_mask"]))[4]


@pytest.mark.parametrize(("make", "option"), [(live, "network"), (tabular, "architecture")])
def test_current_design_can_start_an_episode_elsewhere(make, option):
    env, other = make(), make()
    env.reset(seed=0)
    env.step(1)
    other.reset(seed=0, options={option: env.current_design})
    if option == "architecture":
        assert other.current_design == env.current_design
    else:
        assert other.current_design.layer_sizes == env.current_design.layer_sizes
        assert other.current_design.steps == env.current_design.steps + 3
        assert network_bits(other.current_design) != network_bits(env.current_design)


def test_evaluation_cost_is_training_batches_or_one_look_up():
    env: DesignEnv = live()
    env.reset(seed=0)
    before = env.current_design.steps
    assert before == env.evaluation_cost == 3
    env.step(0)
    assert env.current_design.steps - before == 3
    assert tabular().evaluation_cost == 1


@pytest.mark.parametrize("make", [live, tabular])
def test_current_design_before_reset_raises_a_clear_error(make):
    env: SearchableEnv = make()
    with pytest.raises(InputError, match=r"call reset\(\) first"):
        _ = env.current_design

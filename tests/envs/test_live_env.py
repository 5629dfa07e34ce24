"""What is compiled in a process beside the one that trains first."""

import numpy as np

from rlnas import DesignEnv
from rlnas.envs import actions, live_env, observations
from rlnas.nn.kernels.surgery import remove

LOOPS = (*observations.LOOPS, *actions.LOOPS, remove)


def test_the_rehearsal_compiles_all_that_a_step_needs_beside_training():
    live_env.rehearse()
    compiled = [set(function.signatures) for function in LOOPS]
    assert all(compiled)
    env = DesignEnv("digits", batches_per_step=1)
    _, info = env.reset(seed=0)
    removals = [
        number
        for number in np.flatnonzero(info["action_mask"])
        if actions.ACTIONS[number].operation == "remove_connections"
    ]
    env.step(removals[0])
    assert [set(function.signatures) for function in LOOPS] == compiled

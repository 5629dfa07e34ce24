"""Episodes with a budget that pay a reward vector: the metric, weights and cost apart."""

from typing import Any

import numpy as np

from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.envs.multi_objective import MODesignVectorEnv, RewardVector
from rlnas.envs.validation import REWARDS
from rlnas.validation import check_choice


class MOBudgetDesignEnv(RewardVector, BudgetDesignEnv):
    """`BudgetDesignEnv` with the reward vector (metric, -weights, -cost), for MO-Gymnasium.

    ## Rewards
    float32 `[3]`: the change of the validation metric, minus the change of the active weights
    over `reference`, and minus the cost of the step in units of the budget. They are those of the
    present design, not of the best one: weighted with `(1, penalty, 0)`, they sum to the change of
    the score.

    With `reward="score"` instead of `"difference"`, the values themselves: validation metric,
    minus active weights over `reference`, and minus all that was spent in the episode so far.

    Everything else is that of `BudgetDesignEnv`, where `penalty` still decides the score in the
    observation and in the info, and `budget` when the episode ends.

    ## Version History
    * v0: first version.
    """

    reward_dim = 3

    def __init__(self, *, reward: str = "difference", **arguments: Any):
        check_choice("reward", reward, REWARDS)
        super().__init__(**arguments)
        self.reward = reward

    def _measured(self, info: dict[str, Any]) -> np.ndarray:
        return np.append(super()._measured(info), -info["spent"] / self.state.unit)


class MOBudgetDesignVectorEnv(MODesignVectorEnv):
    """Many `MOBudgetDesignEnv`: as `BudgetDesignVectorEnv`, with rewards float32 `[num_envs, 3]`.

    Made by `gymnasium.make_vec(id, num_envs, vectorization_mode="vector_entry_point", ...)`. In a
    step that only resets an environment (mode "NextStep") its reward is `(0, 0, 0)`.

    Args:
        num_envs: number of environments.
        arguments: arguments of `DesignVectorEnv` and of `MOBudgetDesignEnv`.

    Raises:
        InputError: a value cannot be used.
    """

    env_class = MOBudgetDesignEnv

"""`BudgetDesignVectorEnv`: many episodes with budgets at once, in threads, for Gymnasium."""

from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.envs.design_vector_env import DesignVectorEnv
from rlnas.envs.live_env import LiveEnv


class BudgetDesignVectorEnv(DesignVectorEnv):
    """Many `BudgetDesignEnv`: as `DesignVectorEnv`, with their arguments.

    Made by `gymnasium.make_vec(id, num_envs, vectorization_mode="vector_entry_point", ...)`. A step
    lasts as long as the slowest of its environments, and steps differ widely in length.

    Args:
        num_envs: number of environments.
        arguments: arguments of `DesignVectorEnv` and of `BudgetDesignEnv`.

    Raises:
        InputError: a value cannot be used.
    """

    env_class: type[LiveEnv] = BudgetDesignEnv

"""The environment ids. Entry points are strings: registering imports no environment."""

import gymnasium as gym

DATASETS: dict[str, str | None] = {
    "Design": None,
    "Digits": "digits",
    "MNIST": "mnist",
    "FashionMNIST": "fashion_mnist",
    "Mixed": "mixed",
    "MixedHeldOut": "mixed_held_out",
}
"""Data sets of the live environments; None for the default of the class."""

TABLES = {"TabularDigits": "digits", "TabularMNIST": "mnist"}
"""Tables of the tabular environments."""


def register() -> None:
    """Register every environment with Gymnasium."""
    for name, dataset in DATASETS.items():
        gym.register(
            f"rlnas/{name}-v1",
            entry_point="rlnas.envs.design_env:DesignEnv",
            vector_entry_point="rlnas.envs.design_vector_env:DesignVectorEnv",
            kwargs={} if dataset is None else {"dataset": dataset},
        )
        gym.register(
            f"rlnas/Budget{name}-v0",
            entry_point="rlnas.envs.budget.design_env:BudgetDesignEnv",
            vector_entry_point="rlnas.envs.budget.vector_env:BudgetDesignVectorEnv",
            kwargs={} if dataset is None else {"dataset": dataset},
        )
    for name, table in TABLES.items():
        gym.register(
            f"rlnas/{name}-v0",
            entry_point="rlnas.envs.tabular_env:TabularEnv",
            vector_entry_point="rlnas.envs.tabular_vector_env:TabularVectorEnv",
            disable_env_checker=True,  # it would take most of the time of a step
            kwargs={"table": table},
        )
    # Gymnasium's checker would refuse a reward vector.
    gym.register(
        "rlnas/MODigits-v1",
        entry_point="rlnas.envs.multi_objective:MODesignEnv",
        vector_entry_point="rlnas.envs.multi_objective:MODesignVectorEnv",
        disable_env_checker=True,
        kwargs={"dataset": "digits"},
    )
    gym.register(
        "rlnas/MOTabularDigits-v0",
        entry_point="rlnas.envs.multi_objective:MOTabularEnv",
        vector_entry_point="rlnas.envs.multi_objective:MOTabularVectorEnv",
        disable_env_checker=True,
        kwargs={"table": "digits"},
    )

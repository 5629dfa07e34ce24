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

SPLITS = {"FamilyTrain": "train", "FamilyVal": "validation", "FamilyTest": "test"}
"""Splits of the tasks of the family."""

LIVE_SPLITS = {"LiveTrain": "train", "LiveVal": "validation", "LiveTest": "test"}
"""Splits of the tasks of the family, where networks are trained."""

REWARD_VECTORS = (
    ("MODigits-v1", "multi_objective", "MODesign", {"dataset": "digits"}),
    ("MOBudgetDigits-v0", "budget.multi_objective", "MOBudgetDesign", {"dataset": "digits"}),
    ("MOTabularDigits-v0", "multi_objective", "MOTabular", {"table": "digits"}),
    *(
        (f"MO{name}-v0", "family.multi_objective", "MOFamily", {"split": split})
        for name, split in SPLITS.items()
    ),
)
"""Environments that pay a reward vector: id, module, beginning of the class names, arguments."""


def register() -> None:
    """Register every environment with Gymnasium."""
    for name, dataset in DATASETS.items():
        arguments = {} if dataset is None else {"dataset": dataset}
        gym.register(
            f"rlnas/{name}-v1",
            entry_point="rlnas.envs.design_env:DesignEnv",
            vector_entry_point="rlnas.envs.design_vector_env:DesignVectorEnv",
            kwargs=arguments,
        )
        gym.register(
            f"rlnas/Budget{name}-v0",
            entry_point="rlnas.envs.budget.design_env:BudgetDesignEnv",
            vector_entry_point="rlnas.envs.budget.vector_env:BudgetDesignVectorEnv",
            kwargs=arguments,
        )
    for room, kind, argument, values in (
        ("tabular", "Tabular", "table", TABLES),
        ("family", "Family", "split", SPLITS),
    ):
        for name, value in values.items():
            gym.register(
                f"rlnas/{name}-v0",
                entry_point=f"rlnas.envs.{room}.{room}_env:{kind}Env",
                vector_entry_point=f"rlnas.envs.{room}.vector_env:{kind}VectorEnv",
                disable_env_checker=True,  # it would take most of the time of a step
                kwargs={argument: value},
            )
    for name, split in LIVE_SPLITS.items():
        gym.register(
            f"rlnas/{name}-v0",
            entry_point="rlnas.envs.family.live_env:LiveFamilyEnv",
            vector_entry_point="rlnas.envs.family.live_env:LiveFamilyVectorEnv",
            kwargs={"split": split},
        )
    for name, module, kind, arguments in REWARD_VECTORS:
        gym.register(
            f"rlnas/{name}",
            entry_point=f"rlnas.envs.{module}:{kind}Env",
            vector_entry_point=f"rlnas.envs.{module}:{kind}VectorEnv",
            disable_env_checker=True,  # it would refuse a reward vector
            kwargs=arguments,
        )

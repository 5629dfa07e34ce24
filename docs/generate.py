"""Writes the pages of `docs/environments` from the docstrings of the classes: `make docs`."""

import inspect
from pathlib import Path

import gymnasium as gym

from rlnas import (
    BudgetDesignEnv,
    BudgetDesignVectorEnv,
    DesignEnv,
    DesignVectorEnv,
    FamilyEnv,
    FamilyVecEnv,
    FamilyVectorEnv,
    LiveFamilyEnv,
    LiveFamilyVectorEnv,
    MOBudgetDesignEnv,
    MOBudgetDesignVectorEnv,
    MODesignEnv,
    MODesignVectorEnv,
    MOFamilyEnv,
    MOFamilyVectorEnv,
    MOTabularEnv,
    MOTabularVectorEnv,
    TabularEnv,
    TabularVecEnv,
    TabularVectorEnv,
    ThreadedVecEnv,
)

FOLDER = Path(__file__).parent / "environments"

PAGES = {
    "design": DesignEnv,
    "budget_design": BudgetDesignEnv,
    "tabular": TabularEnv,
    "family": FamilyEnv,
    "live_family": LiveFamilyEnv,
    "multi_objective_design": MODesignEnv,
    "multi_objective_budget_design": MOBudgetDesignEnv,
    "multi_objective_tabular": MOTabularEnv,
    "multi_objective_family": MOFamilyEnv,
    "design_vector": DesignVectorEnv,
    "budget_design_vector": BudgetDesignVectorEnv,
    "tabular_vector": TabularVectorEnv,
    "family_vector": FamilyVectorEnv,
    "live_family_vector": LiveFamilyVectorEnv,
    "multi_objective_design_vector": MODesignVectorEnv,
    "multi_objective_budget_design_vector": MOBudgetDesignVectorEnv,
    "multi_objective_tabular_vector": MOTabularVectorEnv,
    "multi_objective_family_vector": MOFamilyVectorEnv,
    "sb3_threaded": ThreadedVecEnv,
    "sb3_tabular": TabularVecEnv,
    "sb3_family": FamilyVecEnv,
}
"""Name of each page, and the class that it documents."""


def page(cls: type) -> str:
    """The page of an environment class, as Markdown."""
    ids = [
        f"`{spec.id}`"
        for spec in gym.registry.values()
        if f"{cls.__module__}:{cls.__name__}" in (spec.entry_point, spec.vector_entry_point)
    ]
    by = f"Ids: {', '.join(ids)}.\n\n" if ids else ""
    manual = inspect.getdoc(cls) or ""
    code = f"from rlnas import {cls.__name__}"
    return f"# {cls.__name__}\n\n    {code}\n\n{by}{manual}\n"


if __name__ == "__main__":
    for name, cls in PAGES.items():
        (FOLDER / f"{name}.md").write_text(page(cls))

"""The public face: the names that users may rely on, what importing them costs, who uses others."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import rlnas
import rlnas.agents
import rlnas.agents.benchmark
from tests.snippets import ROOT, fences

CORE = """
ACTIONS Architecture BUDGET_ACTIONS BUDGET_OBSERVATION_NAMES Batches BudgetDesignEnv
BudgetDesignVectorEnv CompactClassifier CompactRegressor Dataset DesignDatabase DesignEnv
DesignRecord DesignVectorEnv EditError Evaluation FAMILY_ACTIONS FAMILY_OBSERVATION_NAMES Family
FamilyEnv FamilyVecEnv FamilyVectorEnv GradientSample Grid Hyperparameters Inference InputError
LiveFamilyEnv LiveFamilyVectorEnv MOBudgetDesignEnv MOBudgetDesignVectorEnv MODesignEnv
MODesignVectorEnv MOFamilyEnv MOFamilyVectorEnv MOTabularEnv MOTabularVectorEnv OBSERVATION_NAMES
Prediction Preprocessing ReplayableEnv SavedDesign SparseNetwork Table TabularEnv TabularVecEnv
TabularVectorEnv ThreadedVecEnv __version__ add_connections add_layer add_neurons agents as_exported
build_table c_bytes draw_network evaluate export_network final_training for_inference from_torch
layers_of load_dataset load_design load_family markdown_table predict predict_samples random_network
reference_weights register remove_connections remove_layer remove_neurons sample_gradients
save_design score to_torch train train_many
"""
"""The public names of `rlnas`: adding one is a decision, removing one breaks programs."""

AGENTS = """
ArrayMaskablePPO ArrayPPO Designed EvolveConfig Interval Policy SPARSE_TRAINERS SearchTask
SparseTrainer TrainConfig WorkerVecEnv compare design env_like evaluate_design evaluate_policy
evolve export_design extend film load_policy play_episode random_policy resume train train_once
train_seeds trimmed_mean_interval write_report
"""
"""The public names of `rlnas.agents`."""

BENCHMARK = """
About CallablePlayer Episode Played Player Protocol Submission View check evaluate play
read_submission write_submission
"""
"""The public names of `rlnas.agents.benchmark`."""

PUBLIC = (rlnas, rlnas.agents, rlnas.agents.benchmark)

AGENT_PACKAGES = (
    *("jinja2", "matplotlib", "rich", "sb3_contrib", "stable_baselines3", "tensorboard"),
    *("textalloc", "torch", "tyro"),
)
"""Packages that only `rlnas.agents` needs; scikit-learn brings threadpoolctl."""

WITHOUT_THEM = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {AGENT_PACKAGES}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
import gymnasium
import numpy as np
import rlnas

for name in ("rlnas/Digits-v1", "rlnas/TabularDigits-v0"):
    env = gymnasium.make(name)
    env.reset(seed=0)
    env.step(1)
data = rlnas.load_dataset("wine")
network = rlnas.random_network((13, 8, 3), 0.5, np.random.default_rng(0))
rlnas.train(network, data, rlnas.Batches(data.train, np.random.default_rng(0)).take(5))
rlnas.save_design(sys.argv[1], network, data.preprocessing, data.origin | {{"dataset": "wine"}})
design = rlnas.load_design(sys.argv[1])
inference = rlnas.for_inference(design.network, design.preprocessing)
print(inference.logits(np.zeros((2, 13))).shape, len(rlnas.Table.load("digits")))
"""

DESIGNING = """
import sys
from rlnas.agents.cli.main import main

main(["design", "--quiet", "--out", sys.argv[1]])
main(["evaluate", sys.argv[1]])
heavy = "torch stable_baselines3 sb3_contrib sklearn scipy.linalg matplotlib pandas"
print([name for name in heavy.split() if name in sys.modules])
"""


@pytest.mark.parametrize(
    ("module", "names"), list(zip(PUBLIC, (CORE, AGENTS, BENCHMARK), strict=True))
)
def test_public_names_are_those_of_the_list_and_can_be_loaded(module, names):
    assert sorted(module.__all__) == names.split()
    assert set(names.split()) <= set(dir(module))
    for name in names.split():
        assert getattr(module, name) is not None


def test_importing_both_packages_loads_nothing_heavy():
    heavy = ("torch", "numba", "scipy", "sklearn", "stable_baselines3", "matplotlib")
    code = (
        f"import sys, rlnas, rlnas.agents\nprint([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_designing_and_evaluating_load_nothing_heavy(tmp_path):
    # Compiles what is not cached: that loads SciPy's linear algebra.
    made = rlnas.agents.design(out=tmp_path / "a", progress_bar=False)
    command = [sys.executable, "-c", DESIGNING, str(tmp_path / "b")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert f"active weights     {made.record['active_weights']:,}" in done.stdout


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = rlnas.no_such_name


def test_core_and_environments_work_without_the_packages_of_the_agents(tmp_path):
    command = [sys.executable, "-c", WITHOUT_THEM, str(tmp_path / "design")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["(2,", "3)", "16276"]


def test_core_group_is_the_first_part_of_the_dependencies():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    core = project["dependency-groups"]["core"]
    everything = project["project"]["dependencies"]
    assert everything[: len(core)] == core
    rest = {re.split("[><=]", each)[0].replace("-", "_") for each in everything[len(core) :]}
    assert rest == {*AGENT_PACKAGES, "cloudpickle", "pillow", "threadpoolctl"}


def private_imports(code: str) -> list[str]:
    """What a program imports from rlnas that is not public."""
    found = []
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "rlnas":
            public = {module.__name__: module for module in PUBLIC}.get(node.module or "")
            if public is None:
                found.append(node.module or "")
            else:
                found += [each.name for each in node.names if not hasattr(public, each.name)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names if alias.name.startswith("rlnas.")]
            found += [name for name in names if name != "rlnas.agents"]
    return found


DOCUMENTS = [
    path.relative_to(ROOT)
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if "log" not in path.parts
]
PROGRAMS = [
    path.relative_to(ROOT)
    for folder in ("examples", "benchmarks", "docs")
    for path in sorted((ROOT / folder).glob("*.py"))
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=str)
def test_documents_import_public_names_only(document: Path):
    assert [
        name for code in fences(str(document), "python") for name in private_imports(code)
    ] == []


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_examples_and_benchmarks_import_public_names_only(program: Path):
    assert private_imports((ROOT / program).read_text()) == []


def test_private_imports_would_be_noticed():
    assert private_imports("from rlnas.nn.network import SparseNetwork") == ["rlnas.nn.network"]
    assert private_imports("import rlnas.agents\nimport rlnas.envs") == ["rlnas.envs"]
    assert private_imports("from rlnas import SparseNetwork, no_such_name") == ["no_such_name"]
    assert private_imports("from rlnas import train\nfrom rlnas.agents import design") == []

"""Training in episodes with a budget: what is logged, and what is kept of episodes."""

from pathlib import Path

import pytest

from rlnas.agents.designing.recorded_design import save_recorded_design
from rlnas.agents.policies.layouts import BUDGET
from rlnas.agents.policies.policy import layout_of_policy
from rlnas.agents.reports import report as report_module
from rlnas.agents.reports.report import write_report
from rlnas.agents.training import seeded_episodes
from rlnas.agents.training.ppo import train
from rlnas.data.loading import load_dataset
from rlnas.designs.database import FILE, DesignDatabase
from rlnas.designs.saved import load_design
from rlnas.envs.budget.actions import BUDGET_OPERATIONS, LENGTHS, START
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.errors import InputError
from rlnas.nn.training import evaluate
from tests.agents.helpers import TINY, TINY_BUDGET, progress_of, tiny


def shares(row: dict[str, str], prefix: str) -> dict[str, float]:
    return {
        name.removeprefix(prefix): float(value)
        for name, value in row.items()
        if name.startswith(prefix)
    }


def test_logs_tell_what_was_spent_and_which_lengths_and_operations_were_chosen(budget_run):
    rows = progress_of(budget_run)
    assert len(rows) == 3
    for row in rows:
        operations, lengths = shares(row, "actions/"), shares(row, "training_length/")
        assert operations.keys() == {*BUDGET_OPERATIONS, "refused"}
        assert sum(operations.values()) == pytest.approx(1)
        assert lengths.keys() == LENGTHS.keys()
        chosen = operations[START]  # which has no length
        assert chosen > 0
        assert sum(lengths.values()) == pytest.approx(1 - operations["stop"] - chosen)
        assert 0 < float(row["cost/spent_share"]) <= 1
        assert float(row["cost/spent"]) > 0
        assert float(row["score/anytime"]) <= float(row["score/best_of_episode"])
        best = float(row["score/best_seen"])
        assert float(row["score/best_of_episode"]) <= best


def test_logs_of_other_episodes_have_nothing_of_it(run):
    for row in progress_of(run):
        assert not any(name.startswith(("cost/", "training_length/")) for name in row)
        assert shares(row, "actions/").keys().isdisjoint({"start", "back", "stop"})


def test_policy_files_say_that_the_policy_is_for_budgets(budget_run):
    assert layout_of_policy(budget_run) == BUDGET


def test_database_has_whole_episodes_of_different_lengths(budget_run):
    archive = DesignDatabase(budget_run / FILE)
    lengths = set()
    for design in archive.best(limit=30):
        episode = archive.episode(design)
        assert design in episode
        assert episode[0].start
        assert not any(each.start for each in episode[1:])
        timesteps = [each.timestep for each in episode]
        assert timesteps == [timesteps[0] + TINY["num_envs"] * k for k in range(len(episode))]
        lengths.add(len(episode))
    assert len(lengths) > 1


def test_a_design_of_the_training_is_made_again_to_the_bit(budget_run, tmp_path):
    seen, data = DesignDatabase(budget_run / FILE).best(limit=20), load_dataset("wine")
    for row in (0, 10):
        out = tmp_path / str(row)
        save_recorded_design(budget_run, seen[row], out)
        found = evaluate(load_design(out).network, data, data.validation)
        assert (found.metric, found.loss) == (seen[row].val_metric, seen[row].val_loss)


@pytest.fixture(scope="module")
def page(budget_run, tmp_path_factory) -> str:
    """The report of `budget_run`."""
    return write_report(budget_run, tmp_path_factory.mktemp("page") / "report.html").read_text()


@pytest.fixture
def no_rivals(monkeypatch):
    """Reports without the trainings that they compare with."""
    monkeypatch.setattr(report_module, "rivals", lambda *_: [])


def test_the_report_of_a_run_shows_the_episode_of_its_best_design(budget_run, page):
    archive = DesignDatabase(budget_run / FILE)
    best = archive.find(load_design(budget_run / "best").record)
    assert best is not None
    for each in archive.episode(best):
        assert each.action in page

    costs = [f"<td>{each.cost:,}</td>" for each in archive.episode(best) if each.cost]
    assert costs
    assert all(cost in page for cost in costs)
    assert '<img alt="Score against cost"' in page


def test_the_report_of_a_run_tells_its_budget_and_what_was_spent(budget_run, page):
    assert "<td>0.05 to 0.3 units of training cost</td>" in page
    assert '<img alt="Cost and training"' in page
    last = progress_of(budget_run)[-1]
    assert f"an episode spent {float(last['cost/spent_share']):.1%} of its budget" in page
    lengths = shares(last, "training_length/")
    assert ", ".join(f"{name} {lengths[name]:.0%}" for name in LENGTHS) in page


def test_the_report_of_other_episodes_has_nothing_of_it(run, tmp_path, no_rivals):
    page = write_report(run, tmp_path / "report.html").read_text()
    for title in ("Cost and training", "Score against cost", "<th>budget</th>", "<th>cost</th>"):
        assert title not in page


def test_a_run_of_networks_that_are_given_is_reported(tmp_path, no_rivals):
    config = tiny(tmp_path / "run", **TINY_BUDGET, given=1.0, total_timesteps=64)
    page = write_report(train(config, progress_bar=False)).read_text()
    assert "<td>100% of the episodes begin with a trained network</td>" in page


def test_the_database_has_the_cost_of_each_step(budget_run):
    archive = DesignDatabase(budget_run / FILE)
    for design in archive.best(limit=5):
        spent = 0
        for each in archive.episode(design):
            spent += each.cost
            assert each.spent == spent
            assert (each.batches > 0) == (each.cost > 0)


@pytest.mark.parametrize(
    ("reward", "name", "column"),
    [
        ("anytime", "anytime score", "score/anytime"),
        ("test", "anytime score", "score/anytime"),
        ("final", "best score", "score/best_of_episode"),
    ],
)
def test_the_progress_bar_shows_what_is_learnt(reward, name, column, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    config = tiny(tmp_path / "run", **TINY_BUDGET, reward=reward, total_timesteps=64)
    (row,) = progress_of(train(config, progress_bar=True))
    assert f"mean {name} {float(row[column]):.4f}, " in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["steps", "budget"])
def test_a_training_cannot_start_from_a_policy_of_the_other_kind(kind, run, budget_run, tmp_path):
    start, settings = (run, TINY_BUDGET) if kind == "budget" else (budget_run, {})
    config = tiny(tmp_path / "run", **settings, start=start)
    with pytest.raises(InputError, match="was trained in episodes with a") as caught:
        train(config, progress_bar=False)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_a_training_starts_from_a_policy_of_the_same_kind(budget_run, tmp_path):
    config = tiny(tmp_path / "run", **TINY_BUDGET, start=budget_run, total_timesteps=64)
    assert (train(config, progress_bar=False) / "policy.safetensors").is_file()


class Refusing(BudgetDesignEnv):
    """Takes no action."""

    def step(self, action):
        """Refuse."""
        return super().step(0)


def test_a_training_without_a_single_network_says_so(tmp_path, monkeypatch):
    """Only a policy that may choose refused actions can get there."""

    def make(config, data):
        return Refusing(data, budget=0.1, given=0.0)

    monkeypatch.setattr(seeded_episodes, "make_env", make)
    config = tiny(tmp_path / "run", **TINY_BUDGET, algorithm="ppo")
    with pytest.raises(InputError, match="no network was trained in 64 steps"):
        train(config, progress_bar=False)


@pytest.mark.parametrize("reward", ["anytime", "final"])
def test_rewards_add_up_to_what_they_are_named_after(reward):
    env = BudgetDesignEnv("wine", budget=0.2, reward=reward)
    _, first = env.reset(seed=3)
    total, over, info = 0.0, False, first
    while not over:
        legal = env.action_masks().nonzero()[0]
        _, paid, over, _, info = env.step(legal[len(legal) // 2])
        total += paid
    entry = "anytime" if reward == "anytime" else "best_score"
    assert total == pytest.approx(info[entry] - first[entry], abs=1e-9)


def test_a_run_folder_is_complete(budget_run: Path, run: Path):
    names = [
        {path.name for path in folder.iterdir() if "tfevents" not in path.name} - {"last"}
        for folder in (run, budget_run)
    ]
    assert names[0] == names[1]

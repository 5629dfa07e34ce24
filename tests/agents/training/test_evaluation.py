"""Evaluations in the course of a training: held-out episodes, rivals, which policy is kept."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sb3_contrib import MaskablePPO
from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
    EventAccumulator,
)

from rlnas.agents.cli.main import main
from rlnas.agents.config import SHIPPED, TrainConfig
from rlnas.agents.policies.environments import env_like
from rlnas.agents.policies.outcome import episode_score
from rlnas.agents.policies.policy import Policy, load_policy, read_weights
from rlnas.agents.policies.run_folder import LAST
from rlnas.agents.training.checkpoint import FOLDER, read
from rlnas.agents.training.ppo import train
from rlnas.agents.training.watching import policy_evaluation
from rlnas.agents.training.watching.evaluations import FILE, Evaluations, read_evaluations
from rlnas.agents.training.watching.held_out import (
    FIRST,
    HeldOutEpisodes,
    episodes_of,
    steps_between,
)
from rlnas.designs.saved import load_design
from rlnas.envs.actions import NO_OP
from rlnas.errors import InputError
from tests.agents.helpers import files_in, tiny


def evaluations_of(run: Path) -> Evaluations:
    found = read_evaluations(run)
    assert found is not None
    return found


def mean_score(run: Path, policy: Policy, episodes: int) -> float:
    env = env_like(run)
    return float(np.mean([episode_score(env, policy, FIRST + k) for k in range(episodes)]))


@pytest.fixture(scope="module")
def falling(tmp_path_factory) -> Path:
    """A training whose evaluations become worse and worse, as far as it is told."""
    whole = policy_evaluation.PolicyEvaluation._played

    def played(self: Any, policy_of: Any, timesteps: int) -> Any:
        found = whole(self, policy_of, timesteps)
        object.__setattr__(found, "score", 1.0 - timesteps / 1000)
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(policy_evaluation.PolicyEvaluation, "_played", played)
        return train(tiny(tmp_path_factory.mktemp("falling") / "run"), progress_bar=False)


# --- what is evaluated ---


def test_the_scores_are_those_of_the_policies_in_held_out_episodes(runs):
    for run in runs.values():
        found = evaluations_of(run)
        assert [each.timesteps for each in found.done] == [64, 128, 192]
        assert found.measure == "score"
        best = mean_score(run, load_policy(run), found.episodes)
        assert found.best.score == pytest.approx(best)
        last = run / LAST if (run / LAST).exists() else run
        assert found.last.score == pytest.approx(mean_score(run, load_policy(last), found.episodes))


def test_the_rivals_play_the_same_episodes(run):
    found = evaluations_of(run)
    packaged = mean_score(run, load_policy(SHIPPED), found.episodes)
    unchanged = mean_score(run, lambda observation, mask: NO_OP, found.episodes)
    assert found.rivals["packaged controller"] == pytest.approx(packaged)
    assert found.rivals["no edits"] == pytest.approx(unchanged)
    assert found.rivals.keys() == {"packaged controller", "no edits", "random edits"}
    assert len(set(found.rivals.values())) == 3


def test_in_episodes_with_a_budget_the_measure_is_what_they_are_paid_for(budget_run):
    found = evaluations_of(budget_run)
    assert found.measure == "anytime"
    again = mean_score(budget_run, load_policy(budget_run), found.episodes)
    assert found.best.score == pytest.approx(again)
    assert all(0 < score < 1 for score in found.rivals.values())


def test_episodes_depend_on_their_seeds_alone(run):
    def policy_of(seed: int) -> Policy:
        rng = np.random.default_rng(seed)
        return lambda observation, mask: int(rng.choice(np.flatnonzero(mask)))

    held_out = HeldOutEpisodes(lambda: env_like(run), 5)
    first, second = ([info["score"] for info in held_out.play(policy_of)] for _ in range(2))
    assert first == second
    env = env_like(run)
    alone = [episode_score(env, policy_of(FIRST + k), FIRST + k) for k in (3, 0)]
    assert alone == [first[3], first[0]]


def test_evaluations_change_nothing_in_the_training(run, tmp_path):
    without = train(tiny(tmp_path / "run", eval_episodes=0), progress_bar=False)
    assert {path.name for path in without.iterdir()}.isdisjoint({FILE, LAST, "eval"})
    last = run / LAST if (run / LAST).exists() else run
    ours = files_in(last)
    for name in ("policy.safetensors", "policy.json"):
        assert files_in(without)[name] == ours[name]
    for name in ("best/design.json", "best/network.safetensors"):
        assert files_in(without)[name] == files_in(run)[name]


# --- which policy is kept ---


def test_the_policy_with_the_best_evaluation_is_kept_and_the_last_one_beside_it(falling):
    best, last = read_weights(falling), read_weights(falling / LAST)
    after_64 = read(falling / FOLDER / "000000000064.checkpoint")["policy"]
    assert all(np.array_equal(best[name], value) for name, value in after_64.items())
    assert any(not np.array_equal(best[name], value) for name, value in last.items())
    for folder, weights in ((falling, best), (falling / LAST, last)):
        model = MaskablePPO.load(folder / "policy.zip")
        for name, value in model.policy.state_dict().items():
            assert torch.equal(value, torch.tensor(weights[name])), name


def test_of_equal_evaluations_the_last_one_counts(tmp_path, monkeypatch):
    whole = policy_evaluation.PolicyEvaluation._played

    def played(self: Any, policy_of: Any, timesteps: int) -> Any:
        found = whole(self, policy_of, timesteps)
        object.__setattr__(found, "score", 0.5)
        return found

    monkeypatch.setattr(policy_evaluation.PolicyEvaluation, "_played", played)
    run = train(tiny(tmp_path / "run"), progress_bar=False)
    assert evaluations_of(run).best.timesteps == 192
    assert not (run / LAST).exists()


def test_both_policies_design(falling, tmp_path):
    for folder in (falling, falling / LAST):
        out = tmp_path / folder.name
        assert main(["design", "wine", "--policy", str(folder), "--out", str(out), "--quiet"]) == 0
        assert load_design(out).record["policy"]["name"] == folder.name


def test_the_line_at_the_end_says_which_policy_is_kept_and_how_both_do(falling, run):
    said = evaluations_of(falling).in_words(falling, 192)
    assert said.startswith("the best of 3 evaluations, after 64 of 192 steps: mean score 0.9360 ")
    assert f"the last one, in {falling / LAST}: 0.8080" in said
    assert "(packaged controller 1.0000, no edits 1.0000, random edits 1.0000)" in said


def test_a_training_on_the_command_line_tells_its_evaluations(tmp_path, capsys):
    words = ["train", "wine", "--total-timesteps", "64", "--num-envs", "2", "--rollout-steps", "32"]
    words += ["--batch-size", "32", "--episode-steps", "4", "--batches-per-step", "5"]
    words += ["--eval-episodes", "3", "--run-dir", str(tmp_path / "run"), "--quiet"]
    assert main(words) == 0
    first, line, *_ = capsys.readouterr().out.splitlines()
    assert first == f"policy in {tmp_path / 'run'}"
    assert line.startswith("the policy is the last one: mean score 0.")
    assert "over 3 held-out episodes (packaged controller 0." in line


# --- TensorBoard ---


def test_tensorboard_shows_the_evaluations_and_a_line_for_each_rival(run):
    found = evaluations_of(run)

    def curve(folder: Path) -> list[tuple[int, float]]:
        events = EventAccumulator(str(folder))
        events.Reload()
        return [(event.step, event.value) for event in events.Scalars("eval/score")]

    ours = [(each.timesteps, pytest.approx(each.score)) for each in found.done]
    assert curve(run) == ours
    for name, score in found.rivals.items():
        line = curve(run / "eval" / name.replace(" ", "_"))
        assert line == [(steps, pytest.approx(score)) for steps in (64, 128, 192)]


# --- how often ---


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"total_timesteps": 600_000, "num_envs": 16},
        {"total_timesteps": 256_000, "eval_every": 5_000},
        {"episode_steps": 40, "total_timesteps": 200_000},
        {"budget": (0.1, 1.0), "total_timesteps": 120_000},
    ],
)
def test_evaluations_take_about_a_twentieth_of_the_steps(settings):
    config = TrainConfig(**settings)
    evaluations = config.timesteps / steps_between(config) + 3
    length = config.episode_steps or 20
    share = evaluations * episodes_of(config) * length / config.timesteps
    assert 0.03 < share <= 0.055


def test_evaluations_are_as_many_as_asked_for(tmp_path):
    settings = {"eval_every": 100, "eval_episodes": 2}
    found = evaluations_of(train(tiny(tmp_path / "run", **settings), progress_bar=False))
    assert [each.timesteps for each in found.done] == [128, 192]
    assert found.episodes == 2


# --- bad input ---


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"eval_every": 0}, r"--eval-every 0 cannot be used: expected .* 1"),
        ({"eval_every": 1.5}, r"--eval-every 1.5 cannot be used"),
        ({"eval_episodes": -1}, r"--eval-episodes -1 cannot be used: expected .* 0"),
        ({"eval_episodes": 10**9}, r"--eval-episodes 1000000000 cannot be used: .* 10000"),
        ({"eval_episodes": 0, "eval_every": 10}, r"--eval-every: expected only with evaluations"),
    ],
)
def test_options_that_cannot_be_used_are_told(options, told, tmp_path):
    with pytest.raises(InputError, match=told):
        train(tiny(tmp_path / "run", **options), progress_bar=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("content", ["[]", "{}", "nonsense", '{"done": []}'])
def test_a_damaged_file_of_evaluations_is_told(content, tmp_path):
    (tmp_path / FILE).write_text(content)
    with pytest.raises(InputError, match=r"evaluations\.json"):
        read_evaluations(tmp_path)

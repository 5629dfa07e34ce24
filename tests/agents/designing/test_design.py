"""Designing with a trained policy, testing once, and comparing with random edits."""

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from rlnas.agents.designing import design as module, evaluation
from rlnas.agents.designing.design import design, evaluate_policy
from rlnas.agents.designing.evaluation import evaluation_metrics, export_design
from rlnas.agents.designing.finish import BRIEF_BATCHES, FINAL_BATCHES, Candidate
from rlnas.agents.policies.episode import play_episode, random_policy
from rlnas.agents.policies.policy import fingerprint
from rlnas.agents.training.ppo import train
from rlnas.data.loading import load_dataset
from rlnas.designs.saved import load_design
from rlnas.envs.design_env import DesignEnv
from rlnas.errors import InputError
from rlnas.export.torch_module import to_torch
from rlnas.nn.training import evaluate
from tests.agents.helpers import files_in, tiny
from tests.core.reference import bits as network_bits


@pytest.fixture(scope="module")
def designed(run, tmp_path_factory) -> tuple[Path, dict[str, Any]]:
    """A design for digits by the policy trained on wine, and what `design` returned."""
    out = tmp_path_factory.mktemp("designs") / "digits"
    return out, design(policy=run, out=out, dataset="digits", progress_bar=False).record


def make_design(run: Path, out: Path, **settings: Any) -> dict[str, Any]:
    return design(policy=run, out=out, **settings, progress_bar=False).record


def changed_run(run: Path, folder: Path, **values: Any) -> Path:
    """A copy of a run folder with other values in `config.json`."""
    shutil.copytree(run, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **values}))
    return folder


# --- design ---


def test_a_design_is_three_files_and_its_record_is_returned(designed):
    out, record = designed
    assert files_in(out).keys() == {"design.json", "network.safetensors", "preprocessing.json"}
    kept = json.loads((out / "design.json").read_text())
    assert kept.pop("format") == "rlnas-design-3"
    assert kept.keys() - record.keys() == {"versions", "files_sha256"}
    assert {key: kept[key] for key in record} == json.loads(json.dumps(record))


def test_the_record_says_what_was_asked_for_and_what_it_came_from(designed, run):
    _, record = designed
    data = load_dataset("digits")
    assert record["source"] == {"name": "digits"}
    assert record["samples_sha256"] == data.samples_sha256
    assert record["split_sha256"] == data.split_sha256
    assert (record["penalty"], record["reference"]) == (0.1, 76 * 74)
    assert (record["seed"], record["thorough"]) == (0, False)
    assert record["policy"] == {"name": run.name, "sha256": fingerprint(run)}
    assert abs(datetime.now(UTC) - datetime.fromisoformat(record["created"])) < timedelta(hours=1)


def test_the_record_describes_the_network_on_disk(designed):
    out, record = designed
    network = load_design(out).network
    assert record["dataset"] == "digits"
    assert record["active_weights"] == network.active_weights == network.indices.size
    assert tuple(record["layer_sizes"]) == network.layer_sizes
    assert tuple(record["layer_densities"]) == network.layer_densities
    assert record["density"] == network.density
    assert record["seed"] == 0


def test_the_test_result_can_be_recomputed_in_torch(designed):
    out, record = designed
    network = load_design(out).network
    data = load_dataset("digits")
    logits = to_torch(network)(torch.tensor(data.standardize(data.test)))
    labels = torch.tensor(data.labels[data.test].astype(np.int64))
    accuracy = (logits.argmax(dim=1) == labels).double().mean().item()
    assert record["test_accuracy"] == pytest.approx(accuracy, abs=1e-9)
    loss = torch.nn.functional.cross_entropy(logits, labels).item()
    assert record["test_loss"] == pytest.approx(loss, rel=1e-4)
    best = max(step["val_metric"] for step in record["history"])
    assert accuracy > best + 0.1, "the training goes on after the episode"


def test_the_history_has_the_start_and_every_step(designed):
    _, record = designed
    history = record["history"]
    assert len(history) == 1 + 4
    assert history[0]["action"] == "none"
    keys = {
        "action",
        "applied",
        "score",
        "val_metric",
        "val_loss",
        "active_weights",
        "layer_sizes",
    }
    assert all(step.keys() == keys for step in history)
    assert record["initial"]["score"] == history[0]["score"]
    assert record["initial"]["layer_sizes"] == history[0]["layer_sizes"]
    assert record["initial"]["active_weights"] == history[0]["active_weights"]


@pytest.mark.parametrize("seed", range(3))
def test_the_design_with_the_best_score_of_the_episode_is_taken(run, tmp_path, seed, monkeypatch):
    monkeypatch.setattr(module, "best_of", lambda found: found[0])
    record = make_design(run, tmp_path / "out", seed=seed)
    best = max(record["history"], key=lambda step: step["score"])
    for key in ("active_weights", "layer_sizes"):
        assert record[key] == best[key]


@pytest.mark.parametrize("place", [0, 1])
def test_the_record_tells_of_the_candidate_that_was_chosen(run, tmp_path, monkeypatch, place):
    seen: list[Candidate] = []

    def noted(found: list[Candidate]) -> Candidate:
        # Copies, as the chosen one is trained on.
        seen.extend(each._replace(network=each.network.copy()) for each in found)
        return found[place]

    monkeypatch.setattr(module, "best_of", noted)
    record = make_design(run, tmp_path / "out")
    network, chosen = load_design(tmp_path / "out").network, seen[place]
    assert record["linear"] is (place == 1)
    assert (record["val_metric"], record["val_loss"]) == chosen.validation
    assert record["score"] == chosen.score
    for name in ("active_weights", "density", "layer_sizes", "layer_densities"):
        value = getattr(network, name)
        assert value == getattr(chosen.network, name)
        assert record[name] == (list(value) if isinstance(value, tuple) else value)
    assert network.steps == record["batches"]["all"] == chosen.network.steps + FINAL_BATCHES
    assert record["batches"]["episode"] == chosen.network.steps - BRIEF_BATCHES


def test_the_data_set_of_the_training_is_the_default(run, tmp_path):
    assert make_design(run, tmp_path / "out")["dataset"] == "wine"


def test_the_same_seed_gives_the_same_design_and_another_seed_another(run, tmp_path):
    first, again = make_design(run, tmp_path / "a"), make_design(run, tmp_path / "b")
    assert {**first, "created": None} == {**again, "created": None}
    networks = [load_design(tmp_path / name)[0] for name in ("a", "b")]
    assert network_bits(networks[0]) == network_bits(networks[1])
    assert make_design(run, tmp_path / "c", seed=1)["history"] != first["history"]


def test_the_penalty_of_the_training_is_the_default(run, tmp_path):
    assert make_design(run, tmp_path / "out")["penalty"] == 0.1


def test_of_a_range_of_penalties_the_geometric_mean_is_the_default(run, tmp_path):
    ranged = changed_run(run, tmp_path / "run", penalty=[0.02, 0.5])
    assert make_design(ranged, tmp_path / "out")["penalty"] == pytest.approx(0.1)


def test_a_penalty_may_be_given(run, tmp_path):
    record = make_design(run, tmp_path / "out", penalty=2.0)
    assert record["penalty"] == 2.0
    price = 2.0 * record["active_weights"] / (76 * (13 + 3))
    assert record["score"] == pytest.approx(record["val_metric"] - price, rel=1e-12)


def test_test_samples_do_not_influence_the_design(run, tmp_path):
    data = load_dataset("wine")
    features = data.features.copy()
    names = ("true", "spoilt")
    np.savez(tmp_path / "true.npz", X=features, y=data.labels)
    features[data.test] = features[data.test][::-1] * 0.9
    np.savez(tmp_path / "spoilt.npz", X=features, y=data.labels)
    records = [
        make_design(run, tmp_path / name, dataset=str(tmp_path / f"{name}.npz")) for name in names
    ]
    networks = [load_design(tmp_path / name)[0] for name in names]
    assert network_bits(networks[0]) == network_bits(networks[1])
    assert records[0]["history"] == records[1]["history"]
    assert records[0]["test_loss"] != records[1]["test_loss"]


def test_the_test_samples_are_looked_at_once(run, tmp_path, monkeypatch):
    looks = []

    def watched(network: Any, data: Any, samples: np.ndarray) -> Any:
        looks.append(samples is data.test)
        return evaluation_metrics(network, data, samples)

    monkeypatch.setattr(module, "evaluation_metrics", watched)
    make_design(run, tmp_path / "out")
    assert looks == [True]


def doubling(folder: Path) -> Any:
    """In place of a trained policy: twice the connections at every step, if that is legal."""
    return lambda observation, mask: 2 if mask[2] else 0


def test_final_training_starts_from_the_best_design_of_the_episode(run, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "load_policy", doubling)
    monkeypatch.setattr(module, "best_of", lambda found: found[0])
    make_design(run, tmp_path / "out", penalty=5.0)
    network, _, record = load_design(tmp_path / "out")
    scores = [step["score"] for step in record["history"]]
    best = int(np.argmax(scores))
    assert best < 4, "at this price doubling does not pay to the end"
    assert network.active_weights == record["history"][best]["active_weights"]
    assert network.steps == 5 * (1 + best) + BRIEF_BATCHES + FINAL_BATCHES


def test_a_second_design_for_a_folder_is_refused_while_the_first_is_made(
    run, tmp_path, monkeypatch
):
    play, refused = module.play_episode, []

    def meanwhile(*arguments: Any) -> Any:
        monkeypatch.undo()
        with pytest.raises(InputError, match=r"another process is working on .*out: wait"):
            make_design(run, tmp_path / "out", seed=1)
        refused.append(True)
        return play(*arguments)

    monkeypatch.setattr(module, "play_episode", meanwhile)
    record = make_design(run, tmp_path / "out", seed=0)
    assert refused
    assert load_design(tmp_path / "out").record["history"] == record["history"]
    names = ("design.json", "network.safetensors", "preprocessing.json")
    assert files_in(tmp_path).keys() == {f"out/{name}" for name in names}


@pytest.mark.parametrize("step", ["play_episode", "save_design"])
def test_a_design_that_is_interrupted_leaves_nothing(run, tmp_path, monkeypatch, step):
    def interrupt(*arguments: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, step, interrupt)
    with pytest.raises(KeyboardInterrupt):
        make_design(run, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_an_export_that_is_interrupted_leaves_nothing(designed, tmp_path, monkeypatch):
    def interrupt(inference: Any, form: str, folder: Path, *rest: Any) -> None:
        (folder / "network.c").write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(evaluation, "export_network", interrupt)
    with pytest.raises(KeyboardInterrupt):
        export_design(designed[0], "c", tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_empty_is_refused_before_any_work(run, tmp_path, monkeypatch):
    def work(*arguments: Any) -> None:
        raise AssertionError("the folder was not checked first")

    monkeypatch.setattr(module, "play_episode", work)
    (tmp_path / "mine.txt").write_text("dear to somebody")
    with pytest.raises(InputError, match="exists and is not empty"):
        make_design(run, tmp_path)
    assert files_in(tmp_path) == {"mine.txt": b"dear to somebody"}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dataset": "iris"}, "unknown data set 'iris'"),
        ({"penalty": -1.0}, "penalty -1.0 is out of range"),
        ({"penalty": float("nan")}, "penalty nan"),
        ({"seed": -1}, "--seed -1"),
    ],
)
def test_bad_settings_leave_no_folder_behind(run, tmp_path, settings, message):
    with pytest.raises(InputError, match=message):
        make_design(run, tmp_path / "out", **settings)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", "null", '{"dataset": []}', '{"dataset": ["wine"], "penalty": ["a", "b"]}'],
)
def test_a_damaged_configuration_is_refused(run, tmp_path, content):
    copy = changed_run(run, tmp_path / "run")
    (copy / "config.json").write_text(content)
    with pytest.raises(InputError, match=r"config\.json is damaged"):
        make_design(copy, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_absent_configuration_is_refused(run, tmp_path):
    copy = changed_run(run, tmp_path / "run")
    (copy / "config.json").unlink()
    with pytest.raises(InputError, match="cannot read"):
        make_design(copy, tmp_path / "out")


# --- episodes and assessment ---


def env() -> DesignEnv:
    return DesignEnv("wine", episode_steps=6, batches_per_step=3)


def test_an_episode_returns_its_best_design_and_every_info():
    design, history = play_episode(env(), random_policy(1), seed=2)
    assert len(history) == 7
    scores = [info["score"] for info in history]
    assert design.info["score"] == max(scores)
    data = load_dataset("wine")
    assert evaluate(design.network, data, data.validation).metric == design.info["val_metric"]


def test_designs_of_earlier_episodes_do_not_count():
    used = env()
    alone, _ = play_episode(env(), random_policy(1), seed=3)
    for seed in range(4):
        play_episode(used, random_policy(seed), seed=seed)
    again, _ = play_episode(used, random_policy(1), seed=3)
    assert again.info["score"] == alone.info["score"]
    assert network_bits(again.network) == network_bits(alone.network)


def test_random_edits_are_legal_reproducible_and_varied():
    rng = np.random.default_rng(0)
    masks = rng.random((200, 39)) < 0.2
    masks[:, 0] = True
    seen = np.zeros(78, np.float32)
    drawn = [[policy(seen, mask) for mask in masks] for policy in map(random_policy, (5, 5, 6))]
    assert all(mask[action] for mask, action in zip(masks, drawn[0], strict=True))
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(set(drawn[0])) > 30


def test_both_policies_are_assessed_on_the_same_seeds(run, monkeypatch):
    played: list[tuple[Any, int]] = []

    def watched(env: DesignEnv, policy: Any, seed: int) -> Any:
        played.append((policy, seed))
        return play_episode(env, policy, seed)

    monkeypatch.setattr(module, "play_episode", watched)
    (scores,) = evaluate_policy(policy=run, episodes=3, seed=50, progress_bar=False).values()
    assert [seed for _, seed in played] == [50, 51, 52, 50, 51, 52]
    assert len({id(policy) for policy, _ in played}) == 2
    assert {name: len(values) for name, values in scores.items()} == {"trained": 3, "random": 3}
    assert scores["trained"] != scores["random"]


def test_an_assessment_reports_final_scores(run, monkeypatch):
    monkeypatch.setattr(module, "load_policy", doubling)
    scores = evaluate_policy(
        run, "breast_cancer", episodes=3, seed=50, penalty=10.0, progress_bar=False
    )["score"]
    env = DesignEnv("breast_cancer", penalty=10.0, episode_steps=4, batches_per_step=5)
    for name, policy in (("trained", doubling(run)), ("random", random_policy(50))):
        episodes = [play_episode(env, policy, seed) for seed in (50, 51, 52)]
        assert scores[name] == [history[-1]["score"] for _, history in episodes]
        if name == "trained":  # at this price doubling does not pay
            best = [design.info["score"] for design, _ in episodes]
            assert all(final < other for final, other in zip(scores[name], best, strict=True))


def test_an_assessment_is_reproducible(run):
    first, again = (evaluate_policy(run, episodes=2, seed=50, progress_bar=False) for _ in range(2))
    assert first == again


@pytest.mark.parametrize("episodes", [1, 0, -2])
def test_fewer_than_two_episodes_are_refused(run, episodes):
    with pytest.raises(InputError, match=f"--episodes {episodes}: expected at least 2"):
        evaluate_policy(policy=run, episodes=episodes, progress_bar=False)


def test_a_policy_trained_on_several_data_sets_designs_for_the_first(tmp_path):
    config = tiny(tmp_path / "run", dataset=("breast_cancer", "wine"), total_timesteps=64)
    run = train(config, progress_bar=False)
    assert make_design(run, tmp_path / "out")["dataset"] == "breast_cancer"

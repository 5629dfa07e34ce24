"""Training: what a run leaves behind, that it is reproducible, and that it learns."""

import io
import json
import re
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium as gym
import matplotlib.image
import numpy as np
import pytest
import torch
from sb3_contrib import MaskablePPO
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
    EventAccumulator,
)
from tensorboard.plugins.hparams import metadata  # type: ignore[import-untyped]
from tensorboard.plugins.hparams.api_pb2 import DataType, Status  # type: ignore[import-untyped]

from rlnas.agents.config import SHIPPED, TrainConfig
from rlnas.agents.designing.design import evaluate_policy
from rlnas.agents.policies import environments
from rlnas.agents.policies.episode import play_episode
from rlnas.agents.policies.policy import load_policy, read_weights, save_edit_sequence
from rlnas.agents.policies.run_config import DATA, as_json, write_config
from rlnas.agents.training import ppo as module
from rlnas.agents.training.callbacks import Progress
from rlnas.agents.training.model import new_model
from rlnas.agents.training.ppo import resume, train, train_once
from rlnas.agents.training.vec_env import new_vec_env
from rlnas.data.generated.families import TRAINING_FAMILY
from rlnas.data.loading import load_dataset
from rlnas.designs.database import FILE, DesignDatabase
from rlnas.designs.saved import load_design
from rlnas.envs.actions import OPERATIONS
from rlnas.envs.design_env import DesignEnv
from rlnas.errors import InputError
from rlnas.files.atomic import PARTIAL
from rlnas.files.folders import LOCK
from rlnas.files.json_files import read_json, write_json
from rlnas.nn.training import evaluate
from tests.agents.helpers import ALGORITHMS, TINY, files_in, progress_of, tiny
from tests.core.reference import bits as network_bits

UPDATES = 3


@pytest.fixture(scope="module", params=ALGORITHMS)
def finished(request, runs) -> Any:
    return runs[request.param]


@pytest.fixture(scope="module")
def events(finished) -> EventAccumulator:
    found = EventAccumulator(str(finished), size_guidance={"images": 0})
    found.Reload()
    return found


def scalars(events: EventAccumulator, name: str) -> list[float]:
    return [event.value for event in events.Scalars(name)]


# --- what is written ---


def test_train_writes_every_documented_file(finished):
    names = files_in(finished).keys()
    events = [name for name in names if name.startswith("events.out.")]
    checkpoints = [name for name in names if name.startswith("checkpoints/")]
    assert len(events) == 1
    beside = [name for name in names if name.startswith("eval/")]
    assert len(beside) == 3
    last = {name for name in names if name.startswith("last/")}  # if another was better
    files = ("config.json", "policy.json", "policy.safetensors", "policy.zip")
    assert last in (set(), {f"last/{name}" for name in files})
    assert names - {*events, *checkpoints, *beside, *last} == {
        "config.json",
        "evaluations.json",
        "policy.safetensors",
        "policy.json",
        "policy.zip",
        "best/design.json",
        "best/network.safetensors",
        "best/preprocessing.json",
        "designs.sqlite",
        "progress.csv",
    }


def test_database_has_every_design_of_the_training(finished):
    designs = DesignDatabase(finished / FILE).best(limit=1000)
    designs.sort(key=lambda design: (design.timestep, design.environment))
    keys = [(design.timestep, design.environment) for design in designs]
    assert keys == [(2 * step, environment) for step in range(1, 97) for environment in range(2)]
    rows = progress_of(finished)
    for k, row in enumerate(rows):  # of 64 steps, of episodes of 4 steps in two environments
        last = [d.score for d in designs[64 * k : 64 * (k + 1)] if d.timestep % 8 == 0]
        assert float(row["score/final"]) == pytest.approx(np.mean(last))


def test_config_json_has_every_setting(finished):
    kept = json.loads((finished / "config.json").read_text())
    for key, value in TINY.items():
        assert kept[key] == (list(value) if isinstance(value, tuple) else value)
    assert kept["algorithm"] == finished.name
    assert kept.pop("data") == [load_dataset("wine").origin]
    assert kept.pop("command") == "train"
    assert kept.keys() == TrainConfig.__dataclass_fields__.keys()


def test_policy_zip_loads_in_stable_baselines3_and_acts_the_same(finished):
    model = {"ppo": PPO, "maskable_ppo": MaskablePPO}[finished.name].load(finished / "policy.zip")
    ours = load_policy(finished)
    rng = np.random.default_rng(0)
    for _ in range(20):
        seen = rng.uniform(-1, 1, 78).astype(np.float32)
        action, _ = model.predict(seen, deterministic=True)
        assert ours(seen, np.ones(39, bool)) == action
    with zipfile.ZipFile(finished / "policy.zip") as archive:
        assert archive.testzip() is None


WITHOUT_RLNAS = """
import sys
import numpy as np, sb3_contrib, stable_baselines3
sys.modules["rlnas"] = None  # importing it fails
kind, path = sys.argv[1:]
model = {"ppo": stable_baselines3.PPO, "maskable_ppo": sb3_contrib.MaskablePPO}[kind].load(path)
print(*(model.predict(seen, deterministic=True)[0] for seen in np.eye(78, dtype=np.float32)))
"""


def test_policy_zip_needs_no_rlnas(finished):
    words = [finished.name, str(finished / "policy.zip")]
    command = [sys.executable, "-W", "error::UserWarning", "-c", WITHOUT_RLNAS, *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ours, legal = load_policy(finished), np.ones(39, bool)
    expected = [ours(seen, legal) for seen in np.eye(78, dtype=np.float32)]
    assert [int(word) for word in done.stdout.split()] == expected


def test_progress_csv_has_a_row_for_every_update(finished):
    rows = progress_of(finished)
    assert [int(row["time/total_timesteps"]) for row in rows] == [64, 128, 192]
    assert all(float(row["score/final"]) <= 1 for row in rows)


def test_progress_csv_columns_are_in_alphabetical_order(finished):
    columns = (finished / "progress.csv").read_text().splitlines()[0].split(",")
    assert len(columns) > 30
    assert columns == sorted(columns)


def test_train_once_restarts_an_interrupted_training_and_skips_a_finished_one(tmp_path):
    config = tiny(tmp_path / "run")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "progress.csv").write_text("half of it")
    with pytest.raises(InputError, match="not empty"):
        train_once(config)
    write_config(tmp_path / "run", config, [load_dataset("wine")])
    assert train_once(config) == tmp_path / "run"
    assert len(progress_of(tmp_path / "run")) == 3
    ended = (tmp_path / "run" / "policy.zip").stat().st_mtime_ns
    train_once(config)
    assert (tmp_path / "run" / "policy.zip").stat().st_mtime_ns == ended


def test_resume_refuses_changed_data(tmp_path):
    rng = np.random.default_rng(0)
    path, y = tmp_path / "mine.npz", np.arange(90) % 2
    np.savez(path, X=rng.normal(size=(90, 3)), y=y)
    run = train(tiny(tmp_path / "run", dataset=(str(path),)), progress_bar=False)
    (run / "policy.zip").unlink()
    np.savez(path, X=rng.normal(size=(90, 3)), y=y)
    with pytest.raises(InputError, match=r"'mine' is not what the run .* began with"):
        resume(run, progress_bar=False)


@pytest.mark.parametrize("data", [None, [], "wine", [None], [{"samples_sha256": 3}]])
def test_resume_refuses_a_run_without_data_fingerprints(data, tmp_path):
    run = tmp_path / "run"
    write_json(run / "config.json", {**as_json(tiny(run)), DATA: data})
    with pytest.raises(InputError, match=r"damaged|is not what the run"):
        resume(run, progress_bar=False)


def test_dataset_given_as_a_string_is_one_data_set(tmp_path):
    assert TrainConfig(dataset="wine").dataset == ("wine",)  # type: ignore[arg-type]


def test_train_refuses_arrays_before_it_writes_anything(tmp_path):
    config = tiny(tmp_path / "run", dataset=((np.eye(90), np.arange(90) % 2),))
    with pytest.raises(InputError, match=r"np.savez\('mine.npz'"):
        train(config, progress_bar=False)
    assert not (tmp_path / "run").exists()


def test_best_design_records_its_test_accuracy_and_the_number_of_looks(finished):
    network, _, record = load_design(finished / "best")
    data = load_dataset("wine")
    assert record["test_accuracy"] == evaluate(network, data, data.test).metric
    assert (record["looks"], record["looks_at"]) == (192, data.validation.size)
    assert record["samples_sha256"] == data.samples_sha256


def test_every_ppo_setting_reaches_the_model(tmp_path):
    settings: dict[str, Any] = {
        "gamma": 0.9,
        "gae_lambda": 0.8,
        "target_kl": 0.5,
        "batch_size": 16,
        "learning_rate": 0.01,
    }
    config = tiny(tmp_path / "run", entropy=0.03, epochs=3, net_arch=(6, 5), **settings)
    model = MaskablePPO.load(train(config, progress_bar=False) / "policy.zip")
    given = {name: getattr(model, name) for name in settings if name != "learning_rate"}
    assert given == {name: value for name, value in settings.items() if name != "learning_rate"}
    assert (model.ent_coef, model.n_epochs, model.n_steps) == (0.03, 3, 32)
    assert model.lr_schedule(2 / 3) == pytest.approx(0.01)  # after the first of three rollouts
    widths = [layer.out_features for layer in model.policy.mlp_extractor.policy_net[::2]]
    assert widths == [6, 5]


def test_longer_training_gives_another_policy(tmp_path):
    first, second = (
        train(
            tiny(tmp_path / str(steps), total_timesteps=steps, eval_episodes=0), progress_bar=False
        )
        for steps in (64, 96)
    )
    assert files_in(first)["policy.safetensors"] != files_in(second)["policy.safetensors"]


# --- reproducible ---


def test_same_seed_gives_the_same_policy_and_progress(finished, tmp_path):
    again = train(tiny(tmp_path / "again", algorithm=finished.name), progress_bar=False)
    first, second = files_in(finished), files_in(again)
    for name in ("policy.safetensors", "policy.json", "best/design.json"):
        assert first[name] == second[name]
    designs = [load_design(run / "best")[0] for run in (finished, again)]
    assert network_bits(designs[0]) == network_bits(designs[1])
    assert progress_of(finished) == progress_of(again)


def test_different_seed_gives_a_different_policy(finished, tmp_path):
    other = train(tiny(tmp_path / "other", algorithm=finished.name, seed=8), progress_bar=False)
    assert files_in(finished)["policy.safetensors"] != files_in(other)["policy.safetensors"]
    assert progress_of(finished) != progress_of(other)


def test_train_restores_the_number_of_torch_threads(tmp_path):
    torch.set_num_threads(2)
    train(tiny(tmp_path / "run", total_timesteps=64), progress_bar=False)
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)


# --- TensorBoard ---


def test_tensorboard_shows_the_designs(events):
    for name in (
        "score/final",
        "score/validation_metric",
        "score/best_seen",
        "size/active_weights",
        "size/depth",
        "density/all",
        "density/output",
    ):
        values = scalars(events, name)
        assert len(values) == UPDATES, name
        assert np.isfinite(values).all()
    assert all(0 <= depth <= 3 for depth in scalars(events, "size/depth"))
    assert all(0 < density <= 1 for density in scalars(events, "density/all"))
    assert "density/hidden_1" in events.Tags()["scalars"]
    accuracy = scalars(events, "score/validation_metric")
    assert all(0 < value <= 1 for value in accuracy)
    assert all(a > b for a, b in zip(accuracy, scalars(events, "score/final"), strict=True))


def test_tensorboard_shows_what_stable_baselines3_reports(events):
    tags = events.Tags()["scalars"]
    for name in ("rollout/ep_rew_mean", "rollout/ep_len_mean", "train/loss", "train/approx_kl"):
        assert name in tags
    assert scalars(events, "rollout/ep_len_mean") == [4] * UPDATES
    assert all(value > 0 for value in scalars(events, "time/environment_steps_per_second"))


def test_the_shares_of_the_operations_sum_to_one(events, finished):
    names = [f"actions/{name}" for name in (*OPERATIONS, "refused")]
    shown = [tag for tag in events.Tags()["scalars"] if tag.startswith("actions/")]
    assert sorted(shown) == sorted(names)
    shares = np.array([scalars(events, name) for name in names])
    np.testing.assert_allclose(shares.sum(axis=0), 1, atol=1e-6)
    assert (shares >= 0).all()
    refused = scalars(events, "actions/refused")
    if finished.name == "maskable_ppo":
        assert max(refused) <= 2 / 64, "but for edits that would leave nothing"
    else:
        assert min(refused) > 0.05, "PPO has no masks"


def test_the_best_score_never_falls(events):
    best = scalars(events, "score/best_seen")
    assert best == sorted(best)


def test_tensorboard_shows_pictures_of_the_best_network_and_of_all_designs(events):
    names = ["pictures/best_network", "pictures/metric_against_weights"]
    assert sorted(events.Tags()["images"]) == names
    for name in names:
        images = events.Images(name)
        assert len(images) == UPDATES
        picture = matplotlib.image.imread(io.BytesIO(images[-1].encoded_image_string))
        assert picture.shape[:2] == (480, 640)
        assert picture.std() > 0


def test_tensorboard_says_what_every_scalar_means(events):
    shown = events.Tags()["scalars"]
    meanings = {tag: events.SummaryMetadata(tag).summary_description for tag in shown}
    nameless = {tag for tag, text in meanings.items() if not text}
    assert nameless <= {"time/iterations", "time/time_elapsed", "time/total_timesteps"}
    assert "less the price" in meanings["score/final"]
    assert meanings["density/hidden_1"].endswith("in hidden layer 1.")
    assert "'remove_neurons'" in meanings["actions/remove_neurons"]


def test_a_meaning_is_written_once_in_a_form_that_the_server_reads(events):
    for tag in events.Tags()["scalars"]:
        if events.SummaryMetadata(tag).summary_description:
            (first,) = events.Tensors(tag)
            again = events.Scalars(tag)[0]
            assert first.step == again.step
            assert first.tensor_proto.float_val[0] == pytest.approx(again.value, nan_ok=True)


def test_progress_csv_has_the_tags_of_tensorboard_as_columns(events, finished):
    shown = {tag for tag in events.Tags()["scalars"] if not tag.startswith("eval/")}
    hidden = {"time/iterations", "time/total_timesteps", "train/n_updates"}
    assert set(progress_of(finished)[0]) - hidden <= shown
    groups = {tag.partition("/")[0] for tag in shown}
    assert groups == {"score", "size", "density", "actions", "rollout", "time", "train"}
    assert any(tag.startswith("eval/") for tag in events.Tags()["scalars"])


def test_the_hparams_tab_has_the_settings_and_the_tags_of_results(events):
    contents = events.PluginTagToContent("hparams")
    start = metadata.parse_session_start_info_plugin_data(contents[metadata.SESSION_START_INFO_TAG])
    shown = {
        name: value.number_value or value.string_value for name, value in start.hparams.items()
    }
    assert shown["dataset"] == "wine"
    assert shown["net_arch"] == "8"
    assert (shown["learning_rate"], shown["seed"], shown["gamma"]) == (1e-3, 7, 1)
    assert shown.keys().isdisjoint({"run_dir", "workers", "resume", "budget", "target", "command"})
    found = metadata.parse_experiment_plugin_data(contents[metadata.EXPERIMENT_TAG])
    first = {info.name for info in found.hparam_infos if info.differs}
    assert {"dataset", "seed", "learning_rate", "net_arch", "num_envs"} <= first
    others = {info.name for info in found.hparam_infos} - first
    assert {"gamma", "entropy", "budget"} <= others
    assert found.hparam_infos[0].type == DataType.Value("DATA_TYPE_STRING")  # algorithm
    results = {info.name.tag for info in found.metric_infos}
    assert "score/final" in results
    assert results <= set(events.Tags()["scalars"])
    end = metadata.parse_session_end_info_plugin_data(contents[metadata.SESSION_END_INFO_TAG])
    assert end.status == Status.Value("STATUS_SUCCESS")


def test_tensorboard_shows_the_configuration(events):
    text = events.Tensors("configuration/text_summary")[0].tensor_proto.string_val[0].decode()
    for key, value in (("total_timesteps", 192), ("gamma", 1.0), ("episode_steps", 4)):
        assert f"| {key} | {value} |" in text


# --- the best design ---


@pytest.fixture(scope="module")
def watched(tmp_path_factory) -> Any:
    """A run, and every info that its environments gave at resets and at steps."""
    starts: list[dict[str, Any]] = []
    steps: list[dict[str, Any]] = []

    class Watched(DesignEnv):
        """Writes down every info."""

        def reset(self, **settings: Any) -> Any:
            found = super().reset(**settings)
            starts.append(found[1] | self.words)
            return found

        def step(self, action: Any) -> Any:
            found = super().step(action)
            steps.append(found[4] | self.words)
            return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(environments, "DesignEnv", Watched)
        config = tiny(tmp_path_factory.mktemp("watched") / "run", eval_episodes=0)
        run = train(config, progress_bar=False)
    return run, starts, steps


def test_best_is_the_best_design_that_any_environment_has_seen(watched):
    run, starts, steps = watched
    assert len(steps) == 192
    best = load_design(run / "best").record["score"]
    assert best == max(info["score"] for info in (*starts, *steps))


def test_the_shares_of_the_operations_are_those_of_each_rollout(watched):
    run, _, steps = watched
    events = EventAccumulator(str(run))
    events.Reload()
    for operation in (*OPERATIONS, "refused"):
        shares = []
        for rollout in (steps[:64], steps[64:128], steps[128:]):
            done = [info["operation"] if info["applied"] else "refused" for info in rollout]
            shares.append(done.count(operation) / 64)
        assert scalars(events, f"actions/{operation}") == pytest.approx(shares)


def test_the_designs_shown_are_those_at_the_end_of_episodes(watched):
    run, _, steps = watched
    events = EventAccumulator(str(run))
    events.Reload()
    by_rollout = [steps[:64], steps[64:128], steps[128:]]
    # 2 environments, episodes of 4 steps: the last two of every eight infos end an episode
    finals = [[info for k, info in enumerate(part) if k % 8 >= 6] for part in by_rollout]
    for name, key in (("final", "score"), ("validation_metric", "val_metric")):
        means = [np.mean([info[key] for info in part]) for part in finals]
        assert scalars(events, f"score/{name}") == pytest.approx(means, rel=1e-5)
    sizes = [[info["layer_sizes"] for info in part] for part in finals]
    depths = [np.mean(np.count_nonzero(part, axis=1)) - 2 for part in sizes]
    assert scalars(events, "size/depth") == pytest.approx(depths, rel=1e-5)


def test_best_is_a_design_with_the_accuracy_it_had(finished, events):
    network, _, record = load_design(finished / "best")
    data = load_dataset("wine")
    measured = evaluate(network, data, data.validation)
    assert record["val_metric"] == measured.metric
    assert record["val_loss"] == measured.loss
    assert record["active_weights"] == network.active_weights
    assert tuple(record["layer_sizes"]) == network.layer_sizes
    assert tuple(record["layer_densities"]) == network.layer_densities
    assert (record["dataset"], record["penalty"]) == ("wine", 0.1)
    price = 0.1 * network.active_weights / (76 * (13 + 3))
    assert record["score"] == pytest.approx(measured.metric - price, rel=1e-12)
    assert scalars(events, "score/best_seen")[-1] == pytest.approx(record["score"], rel=1e-6)


# --- the schedule ---


def test_the_learning_rate_falls_linearly_from_the_first_of_three_updates(events):
    shown = scalars(events, "train/learning_rate")  # that of the last update is never shown
    assert shown == pytest.approx([1e-3, 1e-3 * 2 / 3], rel=1e-6)


@pytest.mark.parametrize("total", [64, 65, 10])
def test_the_last_update_still_learns(total, tmp_path):
    run = train(tiny(tmp_path / "run", total_timesteps=total), progress_bar=False)
    model = MaskablePPO.load(run / "policy.zip")
    assert all(0 < group["lr"] <= 1e-3 for group in model.policy.optimizer.param_groups)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_gradient_batches_of_two_sizes_are_warned_of_once(algorithm, tmp_path, caplog):
    for size, warned in ((24, 1), (64, 0), (200, 0)):
        caplog.clear()
        config = tiny(tmp_path, batch_size=size, algorithm=algorithm)
        env = new_vec_env(config, config.load())
        new_model(config, env)
        env.close()
        assert [
            each.getMessage().startswith(
                "--batch-size 24: of the 64 steps between two updates "
                "the last gradient batch has 16,"
            )
            for each in caplog.records
        ] == [True] * warned


# --- several tasks, ranges, progress ---


def test_several_data_sets_and_a_range_of_penalties_can_be_trained_on(tmp_path):
    config = tiny(tmp_path / "run", dataset=("wine", "breast_cancer"), penalty=(0.1, 1.0))
    run = train(config, progress_bar=False)
    record = load_design(run / "best").record
    assert record["dataset"] in ("wine", "breast_cancer")
    assert 0.1 <= record["penalty"] <= 1


@pytest.mark.parametrize(
    ("dataset", "name"),
    [
        (("digits", "data/mine.npz"), "digits+mine-ppo-3"),
        (("synthetic:7",), "synthetic_7-ppo-3"),
        (TRAINING_FAMILY, "digits+34_more-ppo-3"),
    ],
)
def test_the_default_folder_is_named_after_the_run(dataset, name):
    assert TrainConfig(dataset=dataset, algorithm="ppo", seed=3).folder == Path("runs", name)


def test_the_progress_bar_shows_the_mean_score_and_the_best_design(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    train(tiny(tmp_path / "run", total_timesteps=64), progress_bar=True)
    shown = capsys.readouterr().err
    assert "64/64" in shown
    assert "mean score" in shown
    assert "weights)" in shown


def test_total_timesteps_is_rounded_up_to_whole_rollouts(tmp_path, monkeypatch):
    bars = []
    start = Progress._on_training_start

    def keep(self: Progress) -> None:
        start(self)
        bars.append(self.bar)

    monkeypatch.setattr(Progress, "_on_training_start", keep)
    train(tiny(tmp_path / "run", total_timesteps=63), progress_bar=True)
    assert (bars[0].n, bars[0].total) == (64, 64)


# --- what is refused, before anything is written ---


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"total_timesteps": 0}, "--total-timesteps 0 cannot be used"),
        ({"num_envs": 0}, "--num-envs 0 cannot be used"),
        ({"rollout_steps": 0}, "--rollout-steps 0"),
        ({"batch_size": 0}, "--batch-size 0"),
        ({"batch_size": 1}, "--batch-size 1: a gradient batch of one"),
        ({"batch_size": 63}, "--batch-size 63: a gradient batch of one"),
        ({"num_envs": 1, "rollout_steps": 1}, "a gradient batch of one"),
        ({"epochs": 0}, "--epochs 0"),
        ({"learning_rate": 0.0}, "--learning-rate 0.0"),
        ({"learning_rate": float("nan")}, "--learning-rate nan"),
        ({"learning_rate": float("inf")}, "--learning-rate inf"),
        ({"target_kl": -1.0}, "--target-kl -1.0"),
        ({"gamma": 1.5}, "--gamma 1.5 cannot be used: expected a number from 0 to 1"),
        ({"gae_lambda": -0.1}, "--gae-lambda -0.1"),
        ({"entropy": float("nan")}, "--entropy nan"),
        ({"seed": -1}, "--seed -1"),
        ({"seed": 2**32}, "--seed 4294967296"),
        ({"net_arch": (0,)}, "--net-arch"),
        ({"net_arch": (64,) * 9}, "--net-arch"),
        ({"net_arch": (5000,)}, "--net-arch"),
        ({"penalty": ()}, "--penalty takes a number or LOW HIGH, not 0 values"),
        ({"penalty": (1.0, 2.0, 3.0)}, "not 3 values"),
        ({"penalty": (1.0, 0.1)}, "upside down"),
        ({"dataset": ()}, "no data set"),
        ({"dataset": ("wine", "iris")}, "unknown data set 'iris'"),
        ({"episode_steps": 0}, "episode_steps 0"),
        ({"batches_per_step": 0}, "batches_per_step 0"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)
def test_train_refuses_unusable_values_before_it_writes_anything(settings, message, tmp_path):
    with pytest.raises(InputError, match=message):
        train(tiny(tmp_path / "run", **settings), progress_bar=False)
    assert not (tmp_path / "run").exists()


def test_train_says_what_can_be_done_with_a_training_that_is_there(run, tmp_path):
    write_config(tmp_path, tiny(tmp_path), [load_dataset("wine")])
    for folder, then in (
        (run, "extend it with --extend"),
        (tmp_path, "go on with it with --resume"),
    ):
        before = files_in(folder)
        with pytest.raises(InputError, match=f"choose another --run-dir, or {then} {folder}"):
            train(tiny(folder), progress_bar=False)
        assert files_in(folder) == before


def test_train_refuses_a_folder_in_which_another_training_has_just_started(tmp_path, monkeypatch):
    lock = module.locked

    def late(folder: Path) -> Any:
        (folder / "config.json").write_text("of another process")
        return lock(folder)

    monkeypatch.setattr(module, "locked", late)
    with pytest.raises(InputError, match="exists and is not empty"):
        train(tiny(tmp_path / "run"), progress_bar=False)
    assert files_in(tmp_path) == {"run/config.json": b"of another process"}


def test_train_accepts_a_folder_with_only_a_lock_and_partial_files(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    for name in (LOCK, f".config.json.abc{PARTIAL}"):
        (run / name).touch()
    train(tiny(run, total_timesteps=64), progress_bar=False)
    assert not list(run.glob(f".*{PARTIAL}"))


def test_train_refuses_a_folder_with_files_and_leaves_them_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("dear to somebody")
    with pytest.raises(InputError, match="exists and is not empty: choose another folder"):
        train(tiny(tmp_path), progress_bar=False)
    assert files_in(tmp_path) == {"thesis.txt": b"dear to somebody"}


# --- libraries as they come, and learning ---


def test_stock_ppo_trains_on_the_registered_environment():
    env = gym.make("rlnas/Digits-v1")
    model = PPO("MlpPolicy", env, n_steps=64, batch_size=32, n_epochs=2, device="cpu", seed=0)
    before = model.policy.state_dict()["action_net.weight"].clone()
    model.learn(192)
    assert model.num_timesteps == 192
    assert not torch.equal(model.policy.state_dict()["action_net.weight"], before)


def test_stock_ppo_trains_on_stock_vectors_of_it():
    env = make_vec_env("rlnas/Digits-v1", n_envs=2, env_kwargs={"episode_steps": 5})
    model = PPO("MlpPolicy", env, n_steps=32, batch_size=32, n_epochs=1, device="cpu", seed=0)
    model.learn(128)
    assert len(model.ep_info_buffer or ()) == 2 * (64 // 5)
    env.close()


class Strict(DesignEnv):
    """Fails at an illegal action."""

    def step(self, action: Any) -> Any:
        assert self.action_masks()[action], f"{action} is illegal"
        return super().step(action)


def test_untrained_maskable_ppo_never_takes_an_illegal_action():
    env = Strict("wine", episode_steps=10, batches_per_step=1, width=4)
    settings: dict[str, Any] = {"batch_size": 64, "n_epochs": 1, "device": "cpu", "seed": 0}
    MaskablePPO("MlpPolicy", env, n_steps=512, **settings).learn(512)
    with pytest.raises(AssertionError, match="is illegal"):
        PPO("MlpPolicy", env, n_steps=512, **settings).learn(512)


@pytest.mark.parametrize("rng", [None, np.random.default_rng(0)], ids=["most probable", "drawn"])
def test_masked_policy_never_takes_an_illegal_action(run, rng):
    controller = load_policy(run, rng)
    env = Strict("wine", episode_steps=15, batches_per_step=1)
    for seed in range(5):
        play_episode(env, controller, seed)


def test_training_beats_random_edits_and_no_edits(tmp_path):
    # At this price removing pays, whatever else; twelve seeds of both algorithms reached 0.31 to
    # 0.40, random edits -0.24, no edits -0.46.
    config = tiny(
        tmp_path / "run",
        penalty=(10.0,),
        total_timesteps=1200,
        num_envs=4,
        rollout_steps=50,
        batch_size=50,
        epochs=10,
        episode_steps=5,
        batches_per_step=10,
        net_arch=(16,),
        learning_rate=3e-3,
        seed=0,
    )
    run = train(config, progress_bar=False)
    scores = evaluate_policy(policy=run, episodes=10, progress_bar=False)["score"]
    env = DesignEnv("wine", penalty=10.0, episode_steps=5, batches_per_step=10)
    nothing = [
        play_episode(env, lambda observation, mask: 0, 10_000 + k)[1][-1]["score"]
        for k in range(10)
    ]
    assert np.mean(scores["trained"]) > np.mean(scores["random"]) + 0.3
    assert np.mean(scores["trained"]) > np.mean(nothing) + 0.3


# --- going on from a trained policy ---


def test_start_continues_from_a_trained_policy(runs, tmp_path):
    start = runs["maskable_ppo"]
    config = tiny(tmp_path / "run", start=start, learning_rate=1e-12)
    train(config, progress_bar=False)
    ours, theirs = (read_weights(run) for run in (tmp_path / "run", start))
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        np.testing.assert_allclose(value, theirs[name], atol=1e-6, err_msg=name)


@pytest.mark.parametrize("packaged", [False, True])
def test_start_takes_over_the_network_of_the_policy(packaged, runs, tmp_path):
    start, found = (Path("shipped"), SHIPPED) if packaged else 2 * (runs["maskable_ppo"],)
    config = tiny(tmp_path / "run", start=start, learning_rate=1e-12)
    train(replace(config, net_arch=TrainConfig.net_arch), progress_bar=False)
    ours, theirs = (read_weights(run) for run in (tmp_path / "run", found))
    assert {name: each.shape for name, each in ours.items()} == {
        name: each.shape for name, each in theirs.items()
    }
    record, expected = (read_json(each / "policy.json") for each in (tmp_path / "run", found))
    assert record == expected
    assert read_json(tmp_path / "run" / "config.json")["start"] == str(start)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"algorithm": "ppo"}, "with --algorithm maskable_ppo (here ppo), give the same"),
        ({"net_arch": (9, 9)}, "with --net-arch 8 (here 9 9), give the same"),
        ({"features": "blind"}, "with --features flat (here blind), give the same"),
    ],
)
def test_start_refuses_a_policy_of_another_kind(runs, settings, told, tmp_path):
    with pytest.raises(InputError, match=f"cannot go on from .* {re.escape(told)}"):
        train(tiny(tmp_path / "run", start=runs["maskable_ppo"], **settings), progress_bar=False)
    assert not (tmp_path / "run").exists()


def test_start_refuses_an_edit_sequence(tmp_path):
    save_edit_sequence(tmp_path / "edits", [0, 1])
    with pytest.raises(InputError, match="cannot go on from"):
        train(tiny(tmp_path / "run", start=tmp_path / "edits"), progress_bar=False)

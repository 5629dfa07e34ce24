"""Exact resume: a training that was cut short ends with the bits of one that never was."""

import json
import os
import shutil
import signal
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.callbacks import BaseCallback
from tensorboard.backend.event_processing.event_accumulator import (  # type: ignore[import-untyped]
    EventAccumulator,
)

from rlnas.agents.cli.main import main
from rlnas.agents.config import TrainConfig
from rlnas.agents.training import checkpoint as module, ppo
from rlnas.agents.training.checkpoint import FOLDER, MAX_CHECKPOINTS, checkpoints, read
from rlnas.agents.training.generators import check_torch_generator
from rlnas.agents.training.interrupt import Paused
from rlnas.agents.training.ppo import resume, train, train_once
from rlnas.agents.training.state import State
from rlnas.data.loading import load_datasets
from rlnas.designs.database import FILE, DesignDatabase
from rlnas.envs.replay import ReplayableEnv
from rlnas.errors import InputError
from rlnas.files.folders import locked
from rlnas.files.typed import Damaged
from tests.agents.helpers import TINY_BUDGET, files_in, progress_of, tiny

SETTINGS: dict[str, dict[str, Any]] = {
    "maskable_ppo": {},
    "ppo": {"algorithm": "ppo"},
    "groups": {"num_envs": 4, "episode_group_size": 2, "rollout_steps": 16, "penalty": (0.01, 1.0)},
    "budget": {
        **TINY_BUDGET,
        "dataset": ("wine", "breast_cancer"),
        "rollout_steps": 16,
        "features": "slots",
    },
    "several data sets, episodes longer than a rollout": {
        "dataset": ("wine", "breast_cancer"),
        "rollout_steps": 32,
        "episode_steps": 50,
        "features": "slots",
    },
}


class Killed(Exception):
    """Stands for the end of the process."""


def beside(folder: Path) -> list[tuple[int, float]]:
    """The values of a run that TensorBoard shows beside the training."""
    events = EventAccumulator(str(folder))
    events.Reload()
    return sorted((event.step, event.value) for event in events.Scalars("eval/score"))


def results(run: Path) -> dict[str, Any]:
    """All that a training leaves, without the clock and what depends on it.

    TensorBoard's values are sorted: files begun in the same second have no order.
    """
    events = EventAccumulator(str(run), size_guidance={"images": 0, "scalars": 0, "tensors": 0})
    events.Reload()
    scalars = {
        tag: sorted((event.step, event.value) for event in events.Scalars(tag))
        for tag in events.Tags()["scalars"]
        if not tag.startswith("time/") or tag in ("time/iterations", "time/total_timesteps")
    }
    images = {
        tag: sorted((event.step, event.encoded_image_string) for event in events.Images(tag))
        for tag in events.Tags()["images"]
    }
    texts = {
        tag: len(events.Tensors(tag))
        for tag in events.Tags()["tensors"]
        if tag.endswith("text_summary")  # others have the meaning of a scalar, in each file
    }
    return {
        "policy": (run / "policy.safetensors").read_bytes(),
        "evaluations": (run / "evaluations.json").read_bytes(),
        "last": files_in(run).get("last/policy.safetensors"),
        "beside": {folder.name: beside(folder) for folder in (run / "eval").iterdir()},
        "best": (run / "best" / "network.safetensors").read_bytes(),
        "best record": (run / "best" / "design.json").read_bytes(),
        "designs": DesignDatabase(run / FILE).best(limit=10**6),
        "progress": [list(row.items()) for row in progress_of(run)],
        "scalars": scalars,
        "images": images,
        "texts": texts,
        "optimiser and generators": last_arrays(run),
    }


def last(run: Path) -> State:
    return read(checkpoints(run)[-1])


def last_arrays(run: Path) -> dict[str, bytes]:
    return {
        f"{section}/{name}": value.tobytes()
        for section, values in last(run).items()
        for name, value in values.items()
        if isinstance(value, np.ndarray)
    }


def encoded(state: State) -> dict[str, dict[str, Any]]:
    """A state in which arrays are bytes and everything else is JSON."""
    return {
        section: {
            name: (value.dtype, value.shape, value.tobytes())
            if isinstance(value, np.ndarray)
            else json.dumps(value, default=lambda each: each.tolist(), sort_keys=True)
            for name, value in values.items()
        }
        for section, values in state.items()
    }


def timesteps(state: State) -> int:
    return state["counters"]["timesteps"]


def cut(config: TrainConfig, monkeypatch: Any, rollout: int) -> None:
    """Train, and end in the middle of a rollout, from 0."""
    calls, whole = [], module.write

    def write(*arguments: Any) -> None:
        whole(*arguments)
        calls.append(None)

    def step(self: Any) -> bool:
        if len(calls) == rollout + 1 and self.n_calls % config.rollout_steps == 5:
            raise Killed
        return True

    with monkeypatch.context() as patch:
        patch.setattr(module, "write", write)
        patch.setattr(module.Checkpoints, "_on_step", step)
        with pytest.raises(Killed):
            train(config, progress_bar=False)


@pytest.fixture(scope="module", params=SETTINGS, ids=lambda name: name.replace(" ", "-"))
def whole(request, tmp_path_factory) -> tuple[dict[str, Any], dict[str, Any]]:
    """Settings of a training, and what it leaves if nothing happens to it."""
    settings = SETTINGS[request.param]
    run = train(tiny(tmp_path_factory.mktemp("whole") / "run", **settings), progress_bar=False)
    return settings, results(run)


@pytest.mark.parametrize("rollout", [pytest.param(0, marks=pytest.mark.slow), 2])
def test_interrupted_and_resumed_training_gives_the_same_bits(
    whole, rollout, tmp_path, monkeypatch
):
    settings, expected = whole
    config = tiny(tmp_path / "run", **settings)
    cut(config, monkeypatch, rollout)
    found = results(resume(tmp_path / "run", progress_bar=False))
    for name in expected:
        assert found[name] == expected[name], name


@pytest.mark.slow
def test_run_interrupted_repeatedly_and_moved_gives_the_same_bits(runs, tmp_path, monkeypatch):
    expected = results(runs["maskable_ppo"])
    config = tiny(tmp_path / "run")
    cut(config, monkeypatch, 0)
    steps, ended = [], False
    while not ended:
        shutil.move(tmp_path / "run", tmp_path / f"run-{len(steps)}")
        folder = tmp_path / f"run-{len(steps)}"
        steps.append(timesteps(last(folder)))
        counts, keep = [], module.write

        def write(state: State, run: Path, keep: Any = keep, counts: Any = counts) -> None:
            keep(state, run)
            counts.append(timesteps(state))
            if len(counts) == 2:
                raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(module, "write", write)
            try:
                resume(folder, progress_bar=False)
                ended = True
            except Killed:
                shutil.move(folder, tmp_path / "run")
    assert steps == [0, 64, 128, 192]  # after the last update too
    assert results(folder) == expected


def test_resume_falls_back_from_a_damaged_checkpoint_with_a_warning(
    runs, tmp_path, monkeypatch, caplog
):
    expected = results(runs["maskable_ppo"])
    cut(tiny(tmp_path / "run"), monkeypatch, 2)
    paths = sorted((tmp_path / "run" / FOLDER).iterdir())
    assert len(paths) == 3
    paths[2].write_bytes(paths[2].read_bytes()[:-1])
    beyond = paths[2].with_stem("000000009999")
    beyond.write_bytes(b"of no training")
    state = read(paths[1])
    state["generators"]["position"] = 10**9  # NumPy would read there
    module.write(state, tmp_path / "other")
    shutil.copy(tmp_path / "other" / FOLDER / paths[1].name, paths[1])
    assert results(resume(tmp_path / "run", progress_bar=False)) == expected
    assert [line.partition("passed over: ")[2] for line in caplog.messages] == [
        "its checksum is another",
        "its checksum is another",
        "expected a whole number from 0 to 624, found 1000000000",
    ]
    at_the_end = paths[2].with_stem("000000000192")
    assert sorted((tmp_path / "run" / FOLDER).iterdir()) == [*paths[1:], at_the_end]


def test_resume_refuses_a_run_with_only_damaged_checkpoints(tmp_path, monkeypatch):
    cut(tiny(tmp_path / "run"), monkeypatch, 1)
    for path in (tmp_path / "run" / FOLDER).iterdir():
        path.write_bytes(b"")
    with pytest.raises(InputError, match=r"all checkpoints .* are damaged"):
        resume(tmp_path / "run", progress_bar=False)


def test_resume_restarts_a_training_without_checkpoints(tmp_path, runs):
    config = tiny(tmp_path / "run")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "write", None)
        with pytest.raises(TypeError):
            train(config, progress_bar=False)
    assert results(train_once(config)) == results(runs["maskable_ppo"])


def test_only_the_last_checkpoints_stay_in_the_folder(tmp_path):
    run = train(tiny(tmp_path / "run", total_timesteps=320), progress_bar=False)
    steps = [int(path.stem) for path in sorted((run / FOLDER).iterdir())]
    assert steps == [192, 256, 320]
    assert len(steps) == MAX_CHECKPOINTS


def test_resume_refuses_a_finished_training(runs):
    with pytest.raises(InputError, match="has ended"):
        resume(runs["ppo"], progress_bar=False)


@pytest.mark.parametrize("content", ["{}", "[]", '{"dataset": 3}', '{"penalty": [-1, 2, 3]}'])
def test_resume_refuses_a_folder_without_a_configuration(content, tmp_path):
    with pytest.raises(InputError, match=r"no training in .*: expected a run folder"):
        resume(tmp_path, progress_bar=False)
    (tmp_path / "config.json").write_text(content)
    with pytest.raises(InputError, match=r"config\.json is damaged"):
        resume(tmp_path, progress_bar=False)


def test_resume_refuses_a_checkpoint_of_another_training(tmp_path, monkeypatch):
    cut(tiny(tmp_path / "one"), monkeypatch, 1)
    cut(tiny(tmp_path / "two", num_envs=4, net_arch=(9,)), monkeypatch, 1)
    shutil.rmtree(tmp_path / "two" / FOLDER)
    shutil.copytree(tmp_path / "one" / FOLDER, tmp_path / "two" / FOLDER)
    with pytest.raises(InputError, match=r"all checkpoints .* are damaged or of another"):
        resume(tmp_path / "two", progress_bar=False)


@pytest.mark.parametrize("features", ["flat", "slots", "relative", "blind"])
def test_restored_training_has_the_state_of_its_checkpoint(features, tmp_path, monkeypatch):
    config = tiny(tmp_path / "run", features=features, total_timesteps=128)
    cut(config, monkeypatch, 1)
    saved = last(tmp_path / "run")
    with ppo.restored(config, load_datasets("wine"), tmp_path / "run") as run:
        del run.parts["log_files"]  # no file is open
        found = run.state_dict()
    assert timesteps(found) == 64
    del saved["log_files"]
    assert encoded(found) == encoded(saved)


def test_check_torch_generator_refuses_an_impossible_position():
    generator = torch.Generator()
    for drawn in (0, 1, 622, 623, 624, 625, 2000):
        generator.manual_seed(5)
        torch.rand(drawn, generator=generator)
        check_torch_generator(generator.get_state().numpy())
    state = generator.get_state().numpy()
    left, following = state[8:12].view(np.int32), state[16:24].view(np.int64)
    for wrong in (left, following):
        wrong += 1
        generator.set_state(torch.from_numpy(state))  # PyTorch would read beyond its 624 words
        with pytest.raises(Damaged, match="place"):
            check_torch_generator(state)
        wrong -= 1
    check_torch_generator(state)


@pytest.mark.parametrize("at_a_checkpoint", [True, False])
def test_diverged_policy_raises_input_error_and_is_in_no_checkpoint(
    at_a_checkpoint, tmp_path, monkeypatch
):
    def diverge(self: Any, *, whole: Any = module.Checkpoints._on_rollout_start) -> None:
        if self.num_timesteps == 64:
            next(self.model.policy.parameters()).data[:] = np.nan
        if self.num_timesteps == 0 or at_a_checkpoint:
            whole(self)

    monkeypatch.setattr(module.Checkpoints, "_on_rollout_start", diverge)
    with pytest.raises(InputError, match="diverged after 64 steps"):
        train(tiny(tmp_path / "run"), progress_bar=False)
    assert [int(path.stem) for path in checkpoints(tmp_path / "run")] == [0]


# --- one process on a folder ---


def test_resume_refuses_a_folder_locked_by_another_process(tmp_path, monkeypatch):
    cut(tiny(tmp_path / "run"), monkeypatch, 1)
    with locked(tmp_path / "run"), pytest.raises(InputError, match="another process is working"):
        resume(tmp_path / "run", progress_bar=False)


# --- Ctrl-C ---


def test_ctrl_c_stops_after_the_rollout_and_says_how_to_resume(tmp_path, runs, capsys):
    config = tiny(tmp_path / "run")
    pressed: list[None] = []

    def press(self: Any) -> bool:
        if self.n_calls == 40 and not pressed:
            pressed.append(None)
            os.kill(os.getpid(), signal.SIGINT)
        return True

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module.Checkpoints, "_on_step", press)
        with pytest.raises(Paused, match=f"rlnas train --resume {tmp_path / 'run'}"):
            train(config, progress_bar=False)
    assert "Ctrl-C again" in capsys.readouterr().err
    assert timesteps(last(tmp_path / "run")) == 128
    assert main(["train", "--resume", str(tmp_path / "run")]) == 0
    assert results(tmp_path / "run") == results(runs["maskable_ppo"])


class Pressing(BaseCallback):
    """Press Ctrl-C in step 40 and, perhaps where the exception is lost, in step 41."""

    def __init__(self, how: str):
        super().__init__()
        self.how = how

    def _on_step(self) -> bool:
        if self.n_calls == 40 or (self.n_calls == 41 and self.how == "raised"):
            signal.raise_signal(signal.SIGINT)
        elif self.n_calls == 41 and self.how == "lost in a destructor":
            weakref.finalize(Killed(), signal.raise_signal, signal.SIGINT)
        elif self.n_calls == 41:
            with suppress(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
            raise RuntimeError("no compiled object yet")
        return True


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("how", ["raised", "lost in a destructor", "lost in a compiler"])
def test_second_ctrl_c_interrupts_at_once_and_says_how_to_resume(how, tmp_path, runs):
    pressing = Pressing(how)
    with pytest.raises(KeyboardInterrupt, match=f"rlnas train --resume {tmp_path / 'run'}"):
        train(tiny(tmp_path / "run"), False, [pressing])
    assert pressing.n_calls == 41
    assert results(resume(tmp_path / "run", progress_bar=False)) == results(runs["maskable_ppo"])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--seed", "3"], ["--seed 3 (there 7)"]),
        (["--seed", "0"], ["--seed 0 (there 7)"]),  # the default, but typed
        (["--penalty=0.2", "--gamma", "0.5"], ["--penalty 0.2 (there 0.1)", "--gamma 0.5"]),
        (["digits"], ["leave out digits (there wine)"]),
        (["--net_arch", "4", "4"], ["--net-arch 4 4 (there 8)"]),
        (["--total-timesteps", "64"], ["--total-timesteps 64 (there 192)"]),
        (["--extend", "elsewhere"], ["--resume and --extend: expected one of them"]),
    ],
)
def test_resume_option_says_which_settings_differ(options, told, run, capsys):
    before = files_in(run)
    assert main(["train", "--resume", str(run), *options]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert all(each in line for each in told), line
    assert files_in(run) == before


def test_resume_option_takes_settings_that_are_those_of_the_run(tmp_path, monkeypatch, runs):
    cut(tiny(tmp_path / "run"), monkeypatch, 2)
    settings = ["wine", "--seed", "7", "--penalty", "0.1", "--net-arch", "8"]
    assert main(["train", *settings, "--resume", str(tmp_path / "run"), "--quiet"]) == 0
    assert results(tmp_path / "run") == results(runs["maskable_ppo"])


# --- replay ---


def test_restored_environment_continues_with_the_same_bits(tmp_path):
    from rlnas.envs.design_env import DesignEnv

    env, twin = (ReplayableEnv(DesignEnv("wine", penalty=(0.01, 1.0))) for _ in range(2))
    env.reset(seed=3)
    env.reset()
    rng = np.random.default_rng(0)
    actions = rng.integers(39, size=12).tolist()
    for action in actions[:5]:
        env.step(action)
    twin.restore(env.state())
    for action in actions[5:]:
        one, other = env.step(action), twin.step(action)
        np.testing.assert_array_equal(one[0], other[0])
        assert one[1] == other[1]
    np.testing.assert_array_equal(env.reset()[0], twin.reset()[0])


def test_replayable_env_refuses_reset_options():
    from rlnas.envs.design_env import DesignEnv

    with pytest.raises(ValueError, match="cannot be replayed"):
        ReplayableEnv(DesignEnv("wine")).reset(options={"architecture": ((4, 1.0),)})

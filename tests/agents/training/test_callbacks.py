"""Callbacks of the user: what they see, what they may do, and that they change nothing."""

from typing import Any

import numpy as np
import pytest
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import HParam

from rlnas.agents.policies.policy import load_policy
from rlnas.agents.training import checkpoint
from rlnas.agents.training.ppo import resume, train
from rlnas.designs.database import FILE, DesignDatabase
from rlnas.designs.saved import load_design
from rlnas.errors import InputError
from tests.agents.helpers import files_in, progress_of, tiny


class Watching(BaseCallback):
    """Remembers what it is called for; records numbers, texts and what SB3's manual records."""

    def __init__(self, stop_at: int | None = None):
        super().__init__()
        self.stop_at = stop_at
        self.seen: list[str] = []
        self.scores: list[float] = []

    def _on_training_start(self) -> None:
        self.seen.append("training start")
        self.logger.record("hparams", HParam({"a": 1}, {"score/final": 0}), exclude=("csv",))
        self.logger.record("a name with-marks", 3)

    def _on_rollout_start(self) -> None:
        self.seen.append(f"rollout start {self.num_timesteps}")
        self.logger.record("mine/text", "words")

    def _on_step(self) -> bool:
        self.scores += [info["score"] for info in self.locals["infos"]]
        assert self.locals["rewards"].shape == self.locals["dones"].shape == (2,)
        return self.num_timesteps != self.stop_at

    def _on_rollout_end(self) -> None:
        self.seen.append(f"rollout end {self.num_timesteps}")
        self.logger.record("mine/steps", len(self.scores))

    def _on_training_end(self) -> None:
        self.seen.append("training end")


@pytest.fixture(scope="module")
def watched(tmp_path_factory) -> Any:
    watching = Watching()
    folder = tmp_path_factory.mktemp("watched") / "run"
    return train(tiny(folder), progress_bar=False, callbacks=[watching]), watching


def test_a_callback_is_called_at_every_event_of_a_training(watched):
    _, watching = watched
    rollouts = [f"rollout {end} {64 * k}" for k in range(4) for end in ("end", "start")][1:-1]
    assert watching.seen == ["training start", *rollouts, "training end"]


def test_a_callback_sees_every_step(watched):
    run, watching = watched
    designs = DesignDatabase(run / FILE).best(limit=1000)
    designs.sort(key=lambda design: (design.timestep, design.environment))
    assert watching.scores == [design.score for design in designs]


def test_what_a_callback_records_is_in_the_log(watched):
    rows = progress_of(watched[0])
    assert [row["mine/steps"] for row in rows] == ["64", "128", "192"]
    assert [row["mine/text"] for row in rows] == ["words"] * 3
    assert rows[0]["a name with-marks"] == "3"


def test_a_callback_that_only_looks_changes_nothing(watched, runs):
    ours, usual = files_in(watched[0]), files_in(runs["maskable_ppo"])
    for name in ("policy.safetensors", "best/network.safetensors"):
        assert ours[name] == usual[name]


def test_a_training_with_a_callback_resumes_to_the_same_bits(watched, tmp_path, monkeypatch):
    class Killed(Exception):
        pass

    def step(self: Any) -> bool:
        if self.num_timesteps == 100:
            raise Killed
        return True

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint.Checkpoints, "_on_step", step)
        with pytest.raises(Killed):
            train(tiny(tmp_path / "run"), progress_bar=False, callbacks=[Watching()])
    watching = Watching()
    run = resume(tmp_path / "run", progress_bar=False, callbacks=[watching])
    assert watching.seen[:2] == ["training start", "rollout start 64"]
    assert files_in(run)["policy.safetensors"] == files_in(watched[0])["policy.safetensors"]


def test_a_callback_that_returns_false_ends_the_training_and_the_results_are_there(tmp_path):
    watching = Watching(stop_at=140)
    run = train(tiny(tmp_path / "run"), progress_bar=False, callbacks=[watching])
    assert watching.seen[-2:] == ["rollout start 128", "training end"]
    assert len(progress_of(run)) == 2
    load_policy(run)
    best = load_design(run / "best").record
    assert best["looks"] == len(watching.scores) == 140
    # Of the start of an episode no step tells.
    assert best["score"] >= np.max(watching.scores)
    assert DesignDatabase(run / FILE).extent() == (140, 140)


@pytest.mark.parametrize(
    ("callbacks", "found"),
    [([Watching], "found Watching"), ([print], "builtin_function"), (Watching(), "a list, found")],
)
def test_what_is_no_callback_is_refused_before_anything_is_written(callbacks, found, tmp_path):
    with pytest.raises(InputError, match=found):
        train(tiny(tmp_path / "run"), progress_bar=False, callbacks=callbacks)
    assert not (tmp_path / "run").exists()

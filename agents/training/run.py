"""A training run in its folder: the model, what watches it, and what a checkpoint holds of each."""

import io
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import torch
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecEnv

from rlnas.agents.config import TrainConfig
from rlnas.agents.policies.environments import make_env
from rlnas.agents.policies.policy import save_policy
from rlnas.agents.policies.run_config import write_config
from rlnas.agents.policies.run_folder import ENDED, LAST, has_ended
from rlnas.agents.training.best_design import BestDesign
from rlnas.agents.training.callbacks import ArchiveDesigns, DesignLog, Progress
from rlnas.agents.training.checkpoint import Checkpoints
from rlnas.agents.training.generators import GeneratorState
from rlnas.agents.training.interrupt import Paused, interrupts
from rlnas.agents.training.logs import LogFiles, quiet_writers
from rlnas.agents.training.model import new_model
from rlnas.agents.training.state import (
    CounterState,
    EnvironmentState,
    LoggerState,
    OptimizerState,
    PolicyState,
    State,
    Stateful,
    StatisticsState,
    check_finite,
    load_state,
    state_of,
)
from rlnas.agents.training.vec_env import new_vec_env
from rlnas.agents.training.watching.hyperparameters import RESULTS, shown_settings
from rlnas.agents.training.watching.policy_evaluation import new_evaluation
from rlnas.data.dataset import Dataset
from rlnas.designs import database
from rlnas.errors import InputError
from rlnas.files.atomic import make_folder, replace_file


class TrainingRun:
    """A training between its start and its end.

    Args:
        config: settings of the training.
        data: the data sets that they name.
        env: the environments of `new_vec_env`.
        folder: the run folder.
    """

    def __init__(self, config: TrainConfig, data: list[Dataset], env: VecEnv, folder: Path):
        self.config, self.data, self.folder = config, data, folder
        self.model = new_model(config, env)
        logger = Logger(str(folder), [])
        self.model.set_logger(logger)
        self.logs = LogFiles(folder, logger)
        self.designs = ArchiveDesigns(folder / database.FILE)
        self.best = BestDesign(folder / "best", make_env(config, data), config.num_envs)
        self.design_log = DesignLog(
            self.best, self.designs.archive, budget=config.budget is not None
        )
        self.evaluation = new_evaluation(config, data, folder, self.logs)
        # In this order: the moments of the optimizer exist if there were steps, and the generators
        # come last since playing episodes again may draw from them.
        self.parts: dict[str, Stateful] = {
            "counters": CounterState(self.model, config.timesteps),
            "policy": PolicyState(self.model),
            "optimizer": OptimizerState(self.model),
            "statistics": StatisticsState(self.model),
            "logger": LoggerState(logger),
            "best": self.best,
            "environments": EnvironmentState(self.model),
            "generators": GeneratorState(),
            "design_log": self.design_log,
            "log_files": self.logs,
        }
        if self.evaluation is not None:
            self.evaluation.model = self.model  # which its state belongs to
            self.parts["evaluation"] = self.evaluation

    def state_dict(self) -> State:
        """The state of every part of the training, between two rollouts."""
        return state_of(self.parts)

    def load_state_dict(self, state: State) -> None:
        """Restore a state; no file is changed.

        Raises:
            Damaged: no such training can have had the state; the run cannot be used any more.
            InputError: `progress.csv` cannot be read.
        """
        load_state(self.parts, state)

    def open_logs(self, introduction: str = "") -> None:
        """Let the training write its logs.

        Args:
            introduction: Markdown that TensorBoard shows beside them, for a new training.
        """
        self.logs.open()
        if introduction:
            self.logs.add_text("configuration", introduction)
            self.logs.events.begin_session(shown_settings(self.config), RESULTS)

    def fit(self, progress_bar: bool, callbacks: Sequence[BaseCallback] = ()) -> None:
        """Train up to the end, or on from a loaded state; then write the results.

        Args:
            progress_bar: show one.
            callbacks: those of the user.

        Raises:
            InputError: the policy has diverged.
            OSError: the folder cannot be written to.
            Paused: after Ctrl-C.
        """
        progress = Progress(self.best)
        try:
            self._learn([progress] if progress_bar else [], callbacks)
            self._write_results()
        finally:
            progress.close()

    def _learn(self, shown: list[Progress], of_user: Sequence[BaseCallback]) -> None:
        with interrupts() as pressed:
            checkpoints = Checkpoints(self.folder, self.state_dict, pressed)
            evaluation = [] if self.evaluation is None else [self.evaluation]
            # The evaluation before the log of designs, which measures the time of rollouts.
            ours = [self.designs, self.best, *evaluation, self.design_log, *shown, checkpoints]
            try:
                self.model.learn(
                    self.config.timesteps - self.model.num_timesteps,
                    callback=CallbackList([*ours, *of_user]),
                    reset_num_timesteps=False,
                )
            except ValueError:  # from PyTorch's distributions, which know no NaN
                check_finite(self.model)
                raise
        check_finite(self.model)

    def _write_results(self) -> None:
        """Write the policy that was best on held-out episodes, and the last one if it is another.

        The last file tells that the training has ended.
        """
        self.best.test()
        last, evaluation = self.folder / LAST, self.evaluation
        shutil.rmtree(last, ignore_errors=True)  # of a training that was extended
        if evaluation is not None and not evaluation.last_is_best:
            make_folder(last)
            write_config(last, self.config, self.data)  # `rlnas design --policy` reads it
            self._write_policy(last)
            evaluation.use_best()
        self.logs.events.end_session()
        self._write_policy(self.folder)

    def _write_policy(self, folder: Path) -> None:
        config = self.config
        arguments = config.algorithm, list(config.net_arch), config.features
        save_policy(folder, self.model.policy, *arguments)
        content = io.BytesIO()
        self.model.save(content)
        replace_file(folder / ENDED, content.getvalue())


@contextmanager
def new_run(config: TrainConfig, data: list[Dataset], folder: Path) -> Iterator[TrainingRun]:
    """A training run of an untrained model; at the end its environments and logs are closed.

    Raises:
        InputError: the folder cannot be written to.
    """
    env = new_vec_env(config, data)
    # The policy is tiny: more threads would only take cores from the environments.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        run = TrainingRun(config, data, env, folder)
        with quiet_writers(), _telling_how_to_go_on(folder), closing(run.logs):
            yield run
    finally:
        env.close()
        torch.set_num_threads(threads)


@contextmanager
def _telling_how_to_go_on(folder: Path) -> Iterator[None]:
    """Turn Ctrl-C into `Paused`, and an `OSError` into an `InputError`."""
    try:
        yield
    except KeyboardInterrupt as error:
        if has_ended(folder):  # that which is to be extended
            raise
        raise Paused(f"stopped; go on with: rlnas train --resume {folder}") from error
    except OSError as error:
        raise InputError(
            f"cannot write to {folder}: {error.strerror}; when it can be written to again, go on "
            f"with: rlnas train --resume {folder}"
        ) from error

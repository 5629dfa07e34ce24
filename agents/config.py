"""The settings of `rlnas train` and `rlnas evolve`: dataclasses, which are also the command line.

This module imports nothing heavy, so that `rlnas --help` answers at once.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_args, get_origin, get_type_hints

import tyro

from rlnas.agents.option_types import DATASETS, Option
from rlnas.agents.table_settings import TableSettings
from rlnas.errors import InputError
from rlnas.validation import PlainIntegers, check_choice, check_share, is_real, is_whole, whole

if TYPE_CHECKING:
    from rlnas.data.dataset import Dataset

SHIPPED = Path(__file__).parent / "shipped" / "controller"
"""Run folder of the trained controller that comes with rlnas."""

SHIPPED_BUDGET = SHIPPED.with_name("budget_controller")
"""Run folder of the trained controller for episodes with a budget."""

SHIPPED_EDIT_SEQUENCE = SHIPPED.with_name("edit_sequence")
"""Run folder of the edit sequence that was evolved as its rival, in the same episodes."""

FAMILY = "family"
"""Name that stands for the training tasks of the benchmark, see `rlnas.family.tasks`."""

MAX_LAYERS, MAX_UNITS = 8, 4096  # limits of the policy network

MAX_EPISODES = 10_000  # of an evaluation

WORKERS = ("workers", "num_workers", "address")
"""Settings of `TrainConfig` for where environments run; they do not influence the result."""

Place = Literal["threads", "processes", "ray"]
"""Where the environments of a training step."""

WITHOUT_BUDGET = ("width", "density", "batches_per_step")
"""Settings of episodes that only those without a budget have."""

WITH_BUDGET = ("budget", "given")
"""Settings of episodes that only those with a budget have."""

STEP_REWARDS, BUDGET_REWARDS = ("difference", "score"), ("anytime", "final", "test")
"""Rewards in episodes without and with a budget; the first is the default."""

MAX_SEED = 2**32 - 1  # NumPy's limit


def shipped(budget: bool) -> Path:
    """Run folder of the controller that comes with rlnas, for episodes with a budget or without."""
    return SHIPPED_BUDGET if budget else SHIPPED


def plausible_net_arch(net_arch: Iterable[Any]) -> bool:
    """Whether a policy may have hidden layers of these sizes."""
    sizes = list(net_arch)
    return len(sizes) <= MAX_LAYERS and all(
        is_whole(size) and 0 < size <= MAX_UNITS for size in sizes
    )


def check_seed(seed: int, option: str = "--seed") -> None:
    """Raise `InputError` for a seed that NumPy does not accept."""
    whole(option, seed, 0, MAX_SEED)


def stem(source: object) -> str:
    """The name of a data set as part of a file name; Windows allows no colon there."""
    if not isinstance(source, str | os.PathLike):
        return "arrays"
    return Path(source).stem.replace(":", "_")


def as_typed(value: Any) -> str:
    """A setting as it is typed on the command line."""
    if isinstance(value, tuple | list):
        return " ".join(map(str, value)) or "none"
    return "by default" if value is None else str(value)


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _check_bounds(option: str, values: tuple[float, ...] | None) -> None:
    """Raise `InputError` unless an option is a number, LOW HIGH, or not given."""
    if values is None:
        return
    if len(values) not in (1, 2):
        raise InputError(f"{option} takes a number or LOW HIGH, not {len(values)} values")
    typed = " ".join(map(str, values))
    if not all(map(is_real, values)):
        raise InputError(f"{option} {typed} cannot be used: expected a finite number, or LOW HIGH")
    if values[0] > values[-1]:
        raise InputError(
            f"{option} {typed} is upside down: expected LOW HIGH, give {values[1]} {values[0]}"
        )


def check_belongs(config: Any, name: str, *workers: str) -> None:
    """Raise `InputError` if a setting is given that belongs to other workers than those used."""
    if config.workers not in workers and getattr(config, name) is not None:
        used = " or ".join(workers)
        raise InputError(f"{_option(name)} belongs to --workers {used}: give both or neither")


@dataclass(frozen=True)
class EpisodesConfig(TableSettings, PlainIntegers):
    """Settings of the episodes to learn from, and the folder for the result."""

    dataset: Annotated[tuple[str, ...], tyro.conf.Positional, DATASETS] = ("digits",)
    """Data sets: names, tables (.csv, .tsv, .parquet), or .npz files with arrays X and y. With
    several, a family such as "mixed", or the training tasks of the benchmark, "family", each
    episode draws one."""
    seed: int = 0
    """Seed of all random numbers."""
    run_dir: Option[Path] = None
    """Folder for the results; by default runs/<dataset>-<algorithm>-<seed>."""
    penalty: tuple[float, ...] = (0.1,)
    """Accuracy that the reference number of weights costs; or LOW HIGH, drawn for each episode."""
    budget: Option[tuple[float, ...]] = None
    """Training cost that an episode may spend; or LOW HIGH, drawn for each episode. 1 pays for an
    episode of a fixed number of steps on small data with the reference network. The policy then
    also chooses the start, and how long to train after each edit."""
    given: Option[float] = None
    """With --budget: the share of episodes that begin with a network, trained at no cost; by
    default 0.5, in `rlnas evolve` 0."""
    episode_steps: Option[int] = None
    """Number of edits in an episode, by default 20; with --budget the most actions, by default
    100."""
    batches_per_step: Option[int] = None
    """Number of training batches after each edit; by default a quarter of an epoch, at least 25."""
    width: Option[tuple[int, ...]] = None
    """Number of hidden neurons at the start, by default 32; or LOW HIGH, drawn for each episode."""
    density: Option[tuple[float, ...]] = None
    """Share of active weights at the start, by default 0.2; or LOW HIGH, drawn for each episode."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.dataset, str):  # a single name is a likely mistake
            object.__setattr__(self, "dataset", (self.dataset,))

    def load(self) -> "list[Dataset]":
        """Load the data sets; the name "family" stands for the training tasks of the benchmark.

        Raises:
            InputError: One of them cannot be loaded.
        """
        from rlnas.data.loading import Source, load_datasets
        from rlnas.envs.family.live_env import loaded
        from rlnas.family.tasks import tasks

        sources: list[Source] = []
        for name in self.dataset:
            sources += loaded(tasks("train"), 0, self.data_dir) if name == FAMILY else [name]
        return load_datasets(sources, self.data_dir, self.options)

    def check(self) -> None:
        """Raise `InputError` for values that cannot be used."""
        if not all(isinstance(source, str) for source in self.dataset):
            raise InputError(
                "dataset: expected names or paths, since a run is described by its config.json; "
                "write arrays with np.savez('mine.npz', X=X, y=y) and give that path"
            )
        for name in ("penalty", "budget", "width", "density"):
            _check_bounds(f"--{name}", getattr(self, name))
        if self.budget is not None:
            from rlnas.envs.budget.costs import check_budget

            check_budget("--budget", self.budget if len(self.budget) == 2 else self.budget[0])
        foreign = [_option(name) for name in WITHOUT_BUDGET if getattr(self, name) is not None]
        if self.budget is not None and foreign:
            raise InputError(
                f"{', '.join(foreign)}: expected only without --budget, since in episodes with a "
                "budget the policy chooses the start and the length of training"
            )
        if self.given is not None:
            if self.budget is None:
                raise InputError("--given: expected only with --budget")
            check_share("--given", self.given)
        check_seed(self.seed)

    def folder_for(self, algorithm: str) -> Path:
        """`run_dir`, or the default folder of an algorithm."""
        if self.run_dir is not None:
            return self.run_dir
        names = [stem(source) for source in self.dataset]
        if len(names) > 4:  # a name may not exceed 255 characters
            names = [names[0], f"{len(names) - 1}_more"]
        return Path("runs") / f"{'+'.join(names)}-{algorithm}-{self.seed}"


@dataclass(frozen=True)
class TrainConfig(EpisodesConfig):
    """Train a design policy with PPO and write it to a run folder."""

    total_timesteps: int = 60_000
    """Number of steps over all environments; rounded up to whole rollouts."""
    num_envs: int = 8
    """Number of environments that step at the same time."""
    episode_group_size: int = 1
    """Number of environments that play the same episode. With more than one, the reward of each is
    reduced by the mean reward of the others in its group (leave-one-out baseline)."""
    algorithm: Literal["maskable_ppo", "ppo"] = "maskable_ppo"
    """MaskablePPO of sb3-contrib, which never takes illegal actions, or PPO of Stable-Baselines3,
    which may take them."""
    reward: Option[Literal["difference", "score", "anytime", "final", "test"]] = None
    """Reward of a step: the change of the score (difference, the default) or the score itself. With
    --budget: the gain of the best score times the share of the logarithm of the cost that is left
    (anytime, the default), the gain alone (final), or as anytime but on the test samples of the
    training tasks (test), which pays nothing for luck in validation."""
    learning_rate: float = 1e-3
    """Initial learning rate; decays linearly to 0."""
    rollout_steps: int = 100
    """Number of steps of each environment between two updates."""
    batch_size: int = 200
    """Number of steps in a minibatch of an update."""
    epochs: int = 10
    """Number of passes over the rollout in an update."""
    gamma: float = 1.0
    """Discount factor; with 1 the return is the score gained in the episode."""
    gae_lambda: float = 0.95
    """Decay of the generalized advantage estimation: 0 for least variance, 1 for least bias."""
    entropy: float = 0.01
    """Coefficient of the entropy bonus."""
    target_kl: float = 0.03
    """KL divergence from the policy of the rollout at which an update stops early."""
    net_arch: tuple[int, ...] = (64, 64)
    """Numbers of units in the hidden layers of the policy network and of the value network."""
    features: Literal["flat", "slots", "relative", "blind"] = "flat"
    """What the policy reads: the whole observation (flat); the same, each layer through one shared
    encoder (slots); all but the size of the task (relative); or the step count alone (blind),
    with which it can learn nothing but a fixed sequence of edits."""
    eval_every: Option[int] = None
    """Least number of steps between two evaluations of the policy on held-out episodes, which
    follow an update; by default a tenth of the training. The policy with the best one is kept."""
    eval_episodes: Option[int] = None
    """Number of held-out episodes, 0 for no evaluations; by default so many that evaluations take
    about 5 % of the steps, at least 4."""
    start: Option[Path] = None
    """Run folder of a trained policy to start from, whose algorithm, network and features are taken
    over, or "shipped" for the one that comes with rlnas; by default the policy is new."""
    resume: Option[Path] = None
    """Run folder of an interrupted training to continue; the result is the same, bit for bit. All
    settings are read from there, except those that say where environments run."""

    workers: Option[Place] = None
    """Where environments step: in threads of this process, which is the default, in processes of
    their own, or in Ray workers."""
    num_workers: Option[int] = None
    """Number of processes, by default one for each processor; or of Ray workers, by default one for
    each machine, with all its processors."""
    address: Option[str] = None
    """Address of a Ray cluster; by default Ray is started on this machine."""

    def check(self) -> None:
        """Raise `InputError` for values that cannot be used."""
        super().check()
        if self.workers is not None:
            check_choice("--workers", self.workers, get_args(Place))
        check_belongs(self, "num_workers", "processes", "ray")
        check_belongs(self, "address", "ray")
        for name, choices in _CHOICES.items():
            check_choice(_option(name), getattr(self, name), choices)
        if self.reward is not None:
            rewards = STEP_REWARDS if self.budget is None else BUDGET_REWARDS
            check_choice("--reward", self.reward, rewards)
        counts = (
            "total_timesteps",
            "num_envs",
            "episode_group_size",
            "rollout_steps",
            "batch_size",
            "epochs",
        )
        for name in counts:
            whole(_option(name), getattr(self, name), 1)
        if self.num_workers is not None and not 1 <= self.num_workers <= self.num_envs:
            raise InputError(
                f"--num-workers {self.num_workers}: expected from 1 to the {self.num_envs} "
                "environments of --num-envs"
            )
        if self.eval_every is not None:
            whole("--eval-every", self.eval_every, 1)
        if self.eval_episodes is not None:
            whole("--eval-episodes", self.eval_episodes, 0, MAX_EPISODES)
            if self.eval_episodes == 0 and self.eval_every is not None:
                raise InputError(
                    "--eval-every: expected only with evaluations, see --eval-episodes"
                )
        for name in ("learning_rate", "target_kl"):
            check_share(_option(name), getattr(self, name), above_zero=True)
        for name in ("gamma", "gae_lambda", "entropy"):
            check_share(_option(name), getattr(self, name))
        if self.budget is not None and self.episode_group_size > 1:
            raise InputError(
                f"--episode-group-size {self.episode_group_size}: expected 1 with --budget, since "
                "such episodes differ in length and have no common baseline"
            )
        if self.num_envs % self.episode_group_size:
            raise InputError(
                f"--episode-group-size {self.episode_group_size}: expected a divisor of --num-envs"
            )
        if not plausible_net_arch(self.net_arch):
            raise InputError(
                f"--net-arch {self.net_arch}: expected at most {MAX_LAYERS} layers of 1 to "
                f"{MAX_UNITS} units"
            )
        steps = self.rollout_steps * self.num_envs
        if min(steps, self.batch_size) == 1 or steps % self.batch_size == 1:
            raise InputError(
                f"--batch-size {self.batch_size}: a gradient batch of one of the {steps} steps "
                "between two updates would have no spread, choose another size"
            )

    @property
    def updates(self) -> int:
        """Number of rollouts, each followed by an update of the policy."""
        return -(-self.total_timesteps // (self.rollout_steps * self.num_envs))

    @property
    def timesteps(self) -> int:
        """`total_timesteps`, rounded up to whole rollouts."""
        return self.updates * self.rollout_steps * self.num_envs

    @property
    def folder(self) -> Path:
        """`run_dir` or its default."""
        return self.folder_for(self.algorithm)


_CHOICES = {
    name: get_args(hint)
    for name, hint in get_type_hints(TrainConfig).items()
    if get_origin(hint) is Literal
}
"""Settings with a fixed set of values, and these values."""


@dataclass(frozen=True)
class EvolveConfig(EpisodesConfig):
    """Evolve one fixed sequence of edits for all episodes: a baseline for trained policies."""

    total_batches: int = 1_500_000
    """Number of training batches; 60,000 steps of `rlnas train` on digits take 1,575,000. With
    --budget, what so many cost in episodes with the reference network."""

    @property
    def folder(self) -> Path:
        """`run_dir` or its default."""
        return self.folder_for("evolution")

    def check(self) -> None:
        """Raise `InputError` for values that cannot be used."""
        super().check()
        whole("--total-batches", self.total_batches, 1)

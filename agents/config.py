"""The settings of training: typed dataclasses, which are also the command line.

This module imports nothing heavy, so that `rlnas --help` answers at once.
"""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rlnas.agents.option_types import Option
from rlnas.errors import InputError
from rlnas.integers import PlainIntegers, is_whole, whole

SHIPPED = Path(__file__).parent / "shipped" / "controller"
"""A trained controller that comes with rlnas."""

SHIPPED_EDIT_SEQUENCE = SHIPPED.with_name("edit_sequence")
"""The edit sequence that was evolved as its rival, in the same episodes."""

MAX_LAYERS, MAX_UNITS = 8, 4096  # of the policy

WORKERS = ("workers", "num_workers", "address")
"""Settings of `TrainConfig` that say where work is done, and have no influence on the result."""

MAX_SEED = 2**32 - 1  # NumPy's limit


def plausible_net_arch(net_arch: Iterable[Any]) -> bool:
    """Whether a policy may have hidden layers of these sizes."""
    sizes = list(net_arch)
    return len(sizes) <= MAX_LAYERS and all(
        is_whole(size) and 0 < size <= MAX_UNITS for size in sizes
    )


def check_seed(seed: int) -> None:
    """Raise `InputError` for a seed that NumPy would not take."""
    whole("--seed", seed, 0, MAX_SEED)


def stem(source: object) -> str:
    """A data set's name as part of a file's; Windows allows no colon there."""
    if not isinstance(source, str | os.PathLike):
        return "arrays"
    return Path(source).stem.replace(":", "_")


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def check_of_ray(config: Any, names: Iterable[str]) -> None:
    """Raise `InputError` for settings that say how to use Ray where Ray is not used."""
    for name in names:
        if config.workers != "ray" and getattr(config, name) is not None:
            raise InputError(f"{_option(name)} belongs to --workers ray: give both or neither")


@dataclass(frozen=True)
class EpisodesConfig(PlainIntegers):
    """The episodes to learn from, and where the result goes."""

    dataset: tuple[str, ...] = ("digits",)
    """Name, or .npz file of arrays X and y; with several, or "mixed", each episode draws one."""
    seed: int = 0
    """Seed of everything random."""
    run_dir: Option[Path] = None
    """Where results go; by default runs/<dataset>-<algorithm>-<seed>."""
    penalty: tuple[float, ...] = (0.1,)
    """Price of the reference number of weights, in accuracy; or LOW HIGH, drawn each episode."""
    episode_steps: int = 20
    """Edits in an episode."""
    batches_per_step: Option[int] = None
    """Training batches after each edit; by default a quarter of an epoch, at least 25."""
    width: tuple[int, ...] = (32,)
    """Neurons of the starting network; or LOW HIGH, drawn each episode."""
    density: tuple[float, ...] = (0.2,)
    """Share of active weights of the starting network; or LOW HIGH, drawn each episode."""
    data_dir: Option[Path] = None
    """Folder with IDX files, searched first."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.dataset, str):  # as one is tempted to write
            object.__setattr__(self, "dataset", (self.dataset,))

    def check(self) -> None:
        """Raise `InputError` for values that cannot be used."""
        if not all(isinstance(source, str) for source in self.dataset):
            raise InputError(
                "dataset: expected names or paths, since a run is described by its config.json; "
                "write arrays with np.savez('mine.npz', X=X, y=y) and give that path"
            )
        for name in ("penalty", "width", "density"):
            if len(values := getattr(self, name)) not in (1, 2):
                raise InputError(f"--{name} takes a number or LOW HIGH, not {len(values)} values")
        check_seed(self.seed)

    def folder_for(self, algorithm: str) -> Path:
        """`run_dir` or its default."""
        if self.run_dir is not None:
            return self.run_dir
        names = [stem(source) for source in self.dataset]
        if len(names) > 4:  # a name may not exceed 255 characters
            names = [names[0], f"{len(names) - 1}_more"]
        return Path("runs") / f"{'+'.join(names)}-{algorithm}-{self.seed}"


@dataclass(frozen=True)
class TrainConfig(EpisodesConfig):
    """Train a controller and write it to a run folder."""

    total_timesteps: int = 60_000
    """Environment steps to train for, over all environments; rounded up to whole rollouts."""
    num_envs: int = 8
    """Environments that step at the same time."""
    episode_group_size: int = 1
    """Environments that play the same episode. With more than one, the reward of each is reduced by
    the mean reward of the others in its group (leave-one-out baseline)."""
    algorithm: Literal["maskable_ppo", "ppo"] = "maskable_ppo"
    """MaskablePPO of sb3-contrib never takes illegal actions; PPO of Stable-Baselines3 may."""
    reward: Literal["difference", "score"] = "difference"
    """Pay the change of the score at each step, or the score itself."""
    learning_rate: float = 1e-3
    """Of the policy, at the first update; it falls linearly to zero."""
    rollout_steps: int = 100
    """Steps of each environment between two updates."""
    batch_size: int = 200
    """Steps in a gradient batch of an update."""
    epochs: int = 10
    """Passes over a rollout in an update."""
    gamma: float = 1.0
    """Discount; 1 makes the return the score gained in the episode."""
    gae_lambda: float = 0.95
    """Trade-off between bias and variance of the advantages."""
    entropy: float = 0.01
    """Weight of the entropy bonus."""
    target_kl: float = 0.03
    """An update ends early beyond this divergence of the policy."""
    net_arch: tuple[int, ...] = (64, 64)
    """Units in the hidden layers of the policy and of the value network."""
    features: Literal["flat", "slots", "relative", "blind"] = "flat"
    """What the policy reads: the whole observation (flat); the same, each layer through one shared
    encoder (slots); all but the size of the task (relative); or the step count alone (blind),
    with which it can learn nothing but a fixed sequence of edits."""
    start: Option[Path] = None
    """Run folder of a trained policy to go on from, of the same algorithm, network and features;
    by default the policy is new."""
    resume: Option[Path] = None
    """Run folder of a training that was cut short, to go on with to the same bits; everything but
    where the work is done is as it was there."""

    workers: Literal["threads", "ray"] = "threads"
    """Where environments step: in threads of this process, or in Ray workers."""
    num_workers: Option[int] = None
    """Ray workers; by default one for each machine, with all of its processors."""
    address: Option[str] = None
    """Of a Ray cluster; by default Ray is started on this machine."""

    def check(self) -> None:
        """Raise `InputError` for values that cannot be used."""
        super().check()
        check_of_ray(self, WORKERS[1:])
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
        for name in ("learning_rate", "target_kl"):
            if not 0 < getattr(self, name) <= 1:
                raise InputError(f"{_option(name)} {getattr(self, name)}: expected in (0, 1]")
        for name in ("gamma", "gae_lambda", "entropy"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{_option(name)} {getattr(self, name)}: expected from 0 to 1")
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
        """Steps over all environments that whole rollouts make of `total_timesteps`."""
        return self.updates * self.rollout_steps * self.num_envs

    @property
    def folder(self) -> Path:
        """`run_dir` or its default."""
        return self.folder_for(self.algorithm)


@dataclass(frozen=True)
class EvolveConfig(EpisodesConfig):
    """Evolve one fixed sequence of edits for all episodes, the rival of a policy that sees."""

    budget: int = 1_500_000
    """Training batches to spend; 60,000 steps of `rlnas train` spend 1,575,000 on digits."""

    @property
    def folder(self) -> Path:
        """`run_dir` or its default."""
        return self.folder_for("evolution")

    def check(self) -> None:
        """Raise `InputError` for values that cannot be used."""
        super().check()
        whole("--budget", self.budget, 1)

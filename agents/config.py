"""The settings of every command: typed dataclasses, which are also the command line.

This module imports nothing heavy, so that `rlnas --help` answers at once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from rlnas.errors import InputError
from rlnas.grid import GRID

SHIPPED = Path(__file__).parent / "shipped" / "controller"
"""A trained controller that comes with rlnas."""

SHIPPED_SCHEDULE = SHIPPED.with_name("schedule")
"""The schedule that was evolved as its rival, in the same episodes."""

MAX_LAYERS, MAX_UNITS = 8, 4096  # of the policy

MAX_SEED = 2**32 - 1  # NumPy's limit


def plausible_net_arch(net_arch: Iterable[object]) -> bool:
    """Whether a policy may have hidden layers of these sizes."""
    sizes = list(net_arch)
    return len(sizes) <= MAX_LAYERS and all(
        isinstance(size, int) and 0 < size <= MAX_UNITS for size in sizes
    )


def check_seed(seed: int) -> None:
    """Raise `InputError` for a seed that NumPy would not take."""
    if not 0 <= seed <= MAX_SEED:
        raise InputError(f"--seed {seed}: expected from 0 to {MAX_SEED}")


def _stem(source: str) -> str:
    """A data set's name as part of a file's; Windows allows no colon there."""
    return Path(source).stem.replace(":", "_")


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


@dataclass(frozen=True)
class EpisodesConfig:
    """The episodes to learn from, and where the result goes."""

    dataset: tuple[str, ...] = ("digits",)
    """Name or .npz file; with several, or "mixed", each episode draws one."""
    seed: int = 0
    """Seed of everything random."""
    run_dir: Path | None = None
    """Where results go; by default runs/<dataset>-<algorithm>-<seed>."""
    penalty: tuple[float, ...] = (0.1,)
    """Price of the reference number of weights, in accuracy; or LOW HIGH, drawn each episode."""
    episode_steps: int = 20
    """Edits in an episode."""
    batches_per_step: int | None = None
    """Training batches after each edit; by default a quarter of an epoch, at least 25."""
    width: tuple[int, ...] = (32,)
    """Neurons of the starting network; or LOW HIGH, drawn each episode."""
    density: tuple[float, ...] = (0.2,)
    """Share of active weights of the starting network; or LOW HIGH, drawn each episode."""
    data_dir: Path | None = None
    """Folder with IDX files, searched first."""

    def check(self) -> None:
        """Raise `InputError` for values that cannot be used."""
        for name in ("penalty", "width", "density"):
            if len(values := getattr(self, name)) not in (1, 2):
                raise InputError(f"--{name} takes a number or LOW HIGH, not {len(values)} values")
        check_seed(self.seed)

    def folder_for(self, algorithm: str) -> Path:
        """`run_dir` or its default."""
        if self.run_dir is not None:
            return self.run_dir
        names = [_stem(source) for source in self.dataset]
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
    group: int = 1
    """Environments that play the same episodes; each is paid what it gains over the others."""
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
    """What the policy reads: the observation as it is, each layer through a shared encoder, all but
    the size of the task, or the step count alone (it can then learn nothing but a schedule)."""
    start: Path | None = None
    """Run folder of a trained policy to go on from, of the same algorithm, network and features;
    by default the policy is new."""
    resume: Path | None = None
    """Run folder of a training that was cut short, to go on with to the same bits; everything else
    is as it was there."""

    def check(self) -> None:
        """Raise `InputError` for values that cannot be used."""
        super().check()
        counts = ("total_timesteps", "num_envs", "group", "rollout_steps", "batch_size", "epochs")
        for name in counts:
            if getattr(self, name) < 1:
                raise InputError(f"{_option(name)} {getattr(self, name)}: expected at least 1")
        for name in ("learning_rate", "target_kl"):
            if not 0 < getattr(self, name) <= 1:
                raise InputError(f"{_option(name)} {getattr(self, name)}: expected in (0, 1]")
        for name in ("gamma", "gae_lambda", "entropy"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(f"{_option(name)} {getattr(self, name)}: expected from 0 to 1")
        if self.num_envs % self.group:
            raise InputError(f"--group {self.group}: expected a divisor of --num-envs")
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
        if self.budget < 1:
            raise InputError(f"--budget {self.budget}: expected at least 1")


@dataclass(frozen=True)
class DesignConfig:
    """Design a network with a trained policy, train it to the end, and test it once."""

    policy: Path = SHIPPED
    """Run folder of `rlnas train`; by default the controller that comes with rlnas."""
    dataset: str | None = None
    """Name or .npz file; by default the first that the policy was trained on."""
    out: Path | None = None
    """Folder for the design; by default designs/<dataset>-<seed>."""
    seed: int = 0
    """Seed of the episode and of the final training."""
    penalty: float | None = None
    """Price of the reference number of weights; by default the one of the training, or the middle
    of its range."""
    thorough: bool = False
    """Start from 300 dense neurons, make 40 edits, train for an epoch after each: better designs in
    some ten times the time."""
    data_dir: Path | None = None
    """Folder with IDX files, searched first."""

    @property
    def folder(self) -> Path:
        """`out` or its default."""
        name = _stem(self.dataset) if self.dataset else "design"
        return self.out or Path("designs") / f"{name}-{self.seed}"


@dataclass(frozen=True)
class PlayConfig:
    """Design a network by hand, step by step, then see what the controller does."""

    dataset: str = "digits"
    """Name or .npz file."""
    penalty: float | None = None
    """Price of the reference number of weights; by default as in `rlnas design`."""
    seed: int = 0
    """Seed of the episode."""
    policy: Path = SHIPPED
    """Run folder of `rlnas train`; by default the controller that comes with rlnas."""
    data_dir: Path | None = None
    """Folder with IDX files, searched first."""


@dataclass(frozen=True)
class AssessConfig:
    """Compare a trained policy with random legal actions over fresh episodes."""

    policy: Path = SHIPPED
    """Run folder of `rlnas train`; by default the controller that comes with rlnas."""
    dataset: str | None = None
    """Name or .npz file; by default what the policy was trained on."""
    episodes: int = 10
    """Episodes of each policy, on the same seeds."""
    seed: int = 10_000
    """Seed of the first episode; training uses seeds near its own, far from this one."""
    penalty: float | None = None
    """Price of the reference number of weights; by default as in the training."""
    data_dir: Path | None = None
    """Folder with IDX files, searched first."""


@dataclass(frozen=True)
class EvaluateConfig:
    """Test a design on a data set."""

    design: Annotated[Path, tyro.conf.Positional]
    """Folder made by `rlnas design`."""
    dataset: str
    """Name or .npz file."""
    json: bool = False
    """Print one JSON object."""
    data_dir: Path | None = None
    """Folder with IDX files, searched first."""


@dataclass(frozen=True)
class ExportConfig:
    """Write a design in a form that runs elsewhere, on features as the data set has them."""

    design: Annotated[Path, tyro.conf.Positional]
    """Folder made by `rlnas design`."""
    format: Literal["c", "c-int8", "npz", "onnx", "safetensors", "torch"]
    """C99 code with float32 or int8 weights, sparse arrays (docs/export.md), ONNX, or a program of
    torch.export."""
    out: Path | None = None
    """Folder for it; by default the format's name in that of the design."""
    dataset: str | None = None
    """Name or .npz file; by default what it was designed for."""
    data_dir: Path | None = None
    """Folder with IDX files, searched first."""

    @property
    def folder(self) -> Path:
        """`out` or its default."""
        return self.out or self.design / self.format


@dataclass(frozen=True)
class DesignsConfig:
    """List the best designs that a training has seen."""

    run_dir: Annotated[Path, tyro.conf.Positional]
    """Run folder of `rlnas train`; one that is still being written works too."""
    max_weights: int | None = None
    """Only designs of at most so many active weights."""
    dataset: str | None = None
    """Only designs for this data set."""
    limit: int = 10
    """How many at the most."""
    front: bool = False
    """List the Pareto front of accuracy against weights instead, smallest first."""


@dataclass(frozen=True)
class ReportConfig:
    """Write one HTML page about a run or a design; a run may still be in progress."""

    run_dir: Annotated[Path, tyro.conf.Positional]
    """Folder made by `rlnas train` or `rlnas design`."""
    out: Path | None = None
    """The file; by default report.html in that folder."""
    data_dir: Path | None = None
    """Folder with IDX files, searched first."""


@dataclass(frozen=True)
class BuildConfig:
    """Train every architecture of a grid, and write a table with its data card.

    The same command again goes on where the last one ended.
    """

    dataset: str
    """Name or .npz file."""
    out: Path
    """Folder for the table; unfinished work is kept there too."""
    widths: tuple[int, ...] = GRID.widths
    """Neurons a hidden layer may have."""
    densities: tuple[float, ...] = GRID.densities
    """Shares of active weights a hidden layer may have."""
    max_depth: int = GRID.max_depth
    """Hidden layers a network may have."""
    epochs: tuple[int, ...] = (2, 4, 8, 16, 32, 64)
    """After how many to measure."""
    seeds: int = 3
    """Trainings of each architecture."""
    jobs: int = -1
    """Workers; -1 for as many as there are processors."""
    data_dir: Path | None = None
    """Folder with IDX files, searched first."""


@dataclass(frozen=True)
class CardConfig:
    """Write the data card of a table: how it was made, its noise, the best in it."""

    table: str
    """A table of the package (digits, mnist), or the path of another."""
    out: Path
    """Folder for `card.md` and `front.png`."""


@dataclass(frozen=True)
class ScoresConfig:
    """Measure reference scores of simple strategies and plain learners.

    The same command again goes on where the last one ended.
    """

    out: Path
    """Folder for the table, the plot and the runs."""
    tasks: tuple[str, ...] = ()
    """Which tasks, such as tabular-digits; by default all."""
    seeds: int = 10
    """Runs of each strategy in each task."""
    jobs: int = -1
    """Workers; -1 for as many as there are processors."""


@dataclass(frozen=True)
class BenchmarkConfig:
    """Build tables and their data cards, measure reference scores."""

    command: (
        Annotated[BuildConfig, tyro.conf.subcommand("build")]
        | Annotated[CardConfig, tyro.conf.subcommand("card")]
        | Annotated[ScoresConfig, tyro.conf.subcommand("scores")]
    )


@dataclass(frozen=True)
class EstimatorsConfig:
    """How well do cheap estimates rank the architectures of a table?"""

    out: Path
    """Folder for `estimators.md` and `estimators.png`."""
    table: str = "digits"
    """A table of the package (digits, mnist), or the path of another."""
    sample: int = 500
    """Architectures for estimates that are not in the table."""
    seed: int = 0
    """Seed of the sample."""
    data_dir: Path | None = None
    """Folder with IDX files, searched first."""


@dataclass(frozen=True)
class CapacityConfig:
    """What the two studies of capacity have in common."""

    out: Path
    """Folder for the data file, the table and the plot."""
    dataset: str = "digits"
    """Name or .npz file."""
    seeds: int = 5
    """Trainings of each architecture."""
    jobs: int = -1
    """Workers; -1 for as many as there are processors."""
    data_dir: Path | None = None
    """Folder with IDX files, searched first."""


@dataclass(frozen=True)
class WidthConfig(CapacityConfig):
    """Is capacity the number of weights? Sparse and dense networks with one hidden layer.

    The same command again goes on where the last one ended.
    """


@dataclass(frozen=True)
class DepthConfig(CapacityConfig):
    """Is capacity the number of weights? Sparse and dense networks with 1 to 4 hidden layers.

    The same command again goes on where the last one ended.
    """


@dataclass(frozen=True)
class StudyConfig:
    """Studies with a table and a plot."""

    command: (
        Annotated[EstimatorsConfig, tyro.conf.subcommand("estimators")]
        | Annotated[WidthConfig, tyro.conf.subcommand("width")]
        | Annotated[DepthConfig, tyro.conf.subcommand("depth")]
    )


@dataclass(frozen=True)
class FetchConfig:
    """Download a data set, verify it, and keep it where rlnas finds it."""

    name: Annotated[Literal["mnist", "fashion_mnist"], tyro.conf.Positional]
    """Which one."""
    data_dir: Path | None = None
    """Folder to keep it in; by default the user's cache."""


@dataclass(frozen=True)
class ListConfig:
    """Name the data sets, and say where each comes from."""

    data_dir: Path | None = None
    """Folder with IDX files, searched first."""


@dataclass(frozen=True)
class DataConfig:
    """Name data sets, download one."""

    command: (
        Annotated[ListConfig, tyro.conf.subcommand("list")]
        | Annotated[FetchConfig, tyro.conf.subcommand("fetch")]
    )


@dataclass(frozen=True)
class CompareConfig:
    """Compare search strategies on the same task with the same budget.

    The same command again goes on where the last one ended.
    """

    out: Path
    """Folder for the table, the plot and the results."""
    dataset: str = "digits"
    """Name or .npz file."""
    table: str | None = None
    """Look designs up in this table (digits, mnist, or a path) instead of training them."""
    methods: tuple[str, ...] = ("all",)
    """Which strategies, such as controller and random; or all."""
    seeds: int = 10
    """Searches of each strategy."""
    budget: int = 100_000
    """Training batches that a search may spend; look-ups in a table."""
    penalty: float = 0.1
    """Price of the reference number of weights, in accuracy."""
    jobs: int = -1
    """Workers; -1 for as many as there are processors."""
    data_dir: Path | None = None
    """Folder with IDX files, searched first."""


@dataclass(frozen=True)
class TransferConfig:
    """Design for data that a policy has never seen, in one training run, against fixed schedules.

    The same command again goes on where the last one ended.
    """

    out: Path
    """Folder for the tables, the plot and the results."""
    policies: tuple[Path, ...] = (SHIPPED, SHIPPED_SCHEDULE)
    """Run folders: the controller, then its rivals, such as one of `rlnas evolve`; by default the
    controller and the schedule that come with rlnas."""
    datasets: tuple[str, ...] = ("mixed_held_out", "mnist", "fashion_mnist")
    """Names, families of names, or .npz files."""
    penalties: tuple[float, ...] = (0.03, 0.1, 0.3)
    """Prices of the reference number of weights, in accuracy."""
    seeds: int = 5
    """Designs for each data set and penalty."""
    jobs: int = -1
    """Workers; -1 for as many as there are processors."""
    data_dir: Path | None = None
    """Folder with IDX files, searched first."""


@dataclass(frozen=True)
class FrontierConfig:
    """Test error against active weights: thorough designs for a range of penalties, beside rivals.

    The same command again goes on where the last one ended.
    """

    dataset: str = "mnist"
    """Name or .npz file."""
    out: Path | None = None
    """Folder for the tables, the plot and the designs; by default runs/frontier-<dataset>."""
    policy: Path = SHIPPED
    """Run folder of `rlnas train`; by default the controller that comes with rlnas."""
    penalties: tuple[float, ...] = (
        *(1e-4, 5e-4, 0.001, 0.003, 0.006, 0.01, 0.02, 0.03, 0.05, 0.06),
        *(0.1, 0.12, 0.2, 0.3, 0.6, 1.0, 1.2, 2.0, 4.0),
    )
    """Prices of the reference number of weights, in accuracy."""
    seeds: int = 5
    """Designs for each penalty."""
    jobs: int = -1
    """Workers; -1 for as many as there are processors."""
    data_dir: Path | None = None
    """Folder with IDX files, searched first."""

    @property
    def folder(self) -> Path:
        """`out` or its default."""
        return self.out or Path("runs") / f"frontier-{_stem(self.dataset)}"

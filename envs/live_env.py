"""`LiveEnv`: what the environments have in common in which networks are really trained."""

from collections.abc import Mapping
from functools import cache
from os import PathLike
from typing import Any, cast

import gymnasium as gym
import numpy as np

from rlnas import network_views
from rlnas.data import loading
from rlnas.data.dataset import Dataset
from rlnas.data.loading import Source
from rlnas.envs import actions, observations
from rlnas.envs.episode import Design, EpisodeState, EvaluatedNetwork, Words
from rlnas.envs.validation import (
    check_hyperparameters,
    check_options,
    check_seed,
    check_under_way,
)
from rlnas.errors import EditError, InputError
from rlnas.jit import compile_beside
from rlnas.nn import edits
from rlnas.nn.architecture import Architecture, check_architecture
from rlnas.nn.gradients import GRADIENT_SAMPLE_SIZE, GradientSample
from rlnas.nn.initialization import random_network
from rlnas.nn.kernels.surgery import remove
from rlnas.nn.network import SparseNetwork
from rlnas.nn.running import check_fit
from rlnas.nn.training import Batches, Evaluation, Hyperparameters, try_network
from rlnas.scoring import reference_weights
from rlnas.validation import Range, check_choice, check_range

MAX_LOSS = 1e18
"""A network with a larger loss has diverged: its squares would soon leave float32."""


class LiveEnv(gym.Env[np.ndarray, np.integer]):
    """An environment in which networks are really trained; `DesignEnv` explains the arguments.

    Attributes:
        datasets: the data sets, of which each episode draws one.
        best: the design with the highest score that a step made, in all episodes; None at first.
        n_actions: number of actions.
    """

    metadata = {"render_modes": ["ansi", "rgb_array"], "render_fps": 4}
    n_actions: int
    episode_steps: int

    def __init__(
        self,
        dataset: Source | list[Source],
        penalty: Range,
        network: SparseNetwork | None,
        hyperparameters: Hyperparameters | Mapping[str, Any],
        saliency: actions.Saliency,
        data_dir: str | PathLike[str] | None,
        render_mode: str | None,
    ):
        _compile_beside_training()
        self.datasets = loading.load_datasets(dataset, data_dir)
        self.penalty_range = check_range("penalty", penalty, low=0.0)
        self.hyperparameters = check_hyperparameters(hyperparameters)
        check_choice("render mode", render_mode, (None, *self.metadata["render_modes"]))
        if network is not None:
            self._check_start(network)
        self.start = network
        self.saliency = saliency
        self.render_mode = render_mode
        self.best: Design | None = None
        self._state: EpisodeState | None = None
        self.action_space = gym.spaces.Discrete(self.n_actions)

    @classmethod
    def with_data(cls, arguments: dict[str, Any]) -> dict[str, Any]:
        """Arguments with data sets in the place of their names, so that environments share them."""
        found = loading.load_datasets(arguments.get("dataset", "digits"), arguments.get("data_dir"))
        return {**arguments, "dataset": found}

    # --- parts of an episode ---

    def _drawn_task(self, seed: int | None) -> tuple[int, Dataset, float]:
        """Seed the generator if asked; draw the data set, with its index, and the penalty."""
        super().reset(seed=check_seed(seed))
        index = int(self.np_random.integers(len(self.datasets)))
        return index, self.datasets[index], draw(self.penalty_range, self.np_random)

    def _wanted_start(
        self, options: dict[str, Any] | None
    ) -> tuple[Architecture | None, SparseNetwork | None]:
        """The architecture or the network that the options of a reset or the arguments ask for."""
        check_options(options, {"architecture", "network"})
        wanted = options or {}
        architecture, network = wanted.get("architecture"), wanted.get("network")
        if architecture is not None and network is not None:
            raise InputError("reset options 'architecture' and 'network': expected one of them")
        if architecture is not None:
            return check_architecture(architecture, actions.MAX_DEPTH, actions.MAX_WIDTH), None
        if network is None:
            return None, self.start
        self._check_start(network)
        return None, network

    def _edit(self, before: EvaluatedNetwork, number: int) -> SparseNetwork | None:
        """A network of its own after a legal action; None if it cannot be carried out after all."""
        try:
            after = actions.apply(
                *(number, before.network, before.judgement),
                *(before.probe, self.np_random, self.saliency),
            )
        except EditError:
            return None
        return before.network.copy() if after is before.network else after

    def _trained_and_judged(
        self, network: SparseNetwork, data: Dataset, batches: Batches, number: int, penalty: float
    ) -> EvaluatedNetwork:
        """Train a network in place for a number of batches, evaluate it and probe it."""
        trial = try_network(network, data, batches, number, probe_size(data), self.hyperparameters)
        return EvaluatedNetwork(network, trial.probe, trial.training, trial.validation, penalty)

    def _enter(self, state: EpisodeState) -> None:
        """Make a state the present one."""
        self._state = state
        network = state.current.network
        better = self.best is None or state.current.score > self.best.info["score"]
        if state.elapsed > 0 and better and network.active_weights > 0:
            self.best = Design(network, {**state.info(), **state.words})

    def _check_start(self, network: Any) -> None:
        """Raise `InputError` if a network cannot be where episodes start."""
        if not isinstance(network, SparseNetwork):
            raise InputError(
                f"the starting network is a {type(network).__name__}: expected a SparseNetwork"
            )
        network.check()
        if network.depth > actions.MAX_DEPTH:
            raise InputError(
                f"the starting network has {network.depth} hidden layers: expected at most "
                f"{actions.MAX_DEPTH}"
            )
        for each in self.datasets:
            check_fit(network, each)

    # --- what it tells ---

    @property
    def state(self) -> EpisodeState:
        """The present moment of the episode, a value that later steps do not change.

        Raises:
            InputError: no episode has begun.
        """
        if self._state is None:
            check_under_way(-1)
        return cast(EpisodeState, self._state)

    @property
    def dataset(self) -> Dataset:
        """The data set of the episode; the only one is known before the first episode.

        Raises:
            InputError: no episode has begun, and there are several data sets.
        """
        only_one = self._state is None and len(self.datasets) == 1
        return self.datasets[0] if only_one else self.state.dataset

    @property
    def penalty(self) -> float:
        """Price of `reference` weights in this episode, in units of the metric."""
        return self.state.penalty

    @property
    def reference(self) -> int:
        """Number of active weights that cost `penalty`, in this episode."""
        return reference_weights(self.dataset.n_features, self.dataset.n_outputs)

    @property
    def words(self) -> Words:
        """`dataset`; `operation` and `action` of the last step, the latter with layer and amount.

        They are no entries of the info, of which libraries make tensors.
        """
        return self.state.words

    @property
    def current_design(self) -> SparseNetwork:
        """The network of the last reset or step; see `rlnas.envs.searchable`."""
        return self.state.current.network

    def action_masks(self) -> np.ndarray:
        """Bool `[actions]`: which actions are legal now (the format of sb3-contrib)."""
        return self.state.legal.copy()

    def render(self) -> Any:
        """The design as a text table or as a picture, by `render_mode`."""
        state = self.state
        if self.render_mode == "ansi":
            return network_views.describe(state.current.network, {**state.info(), **state.words})
        if self.render_mode == "rgb_array":
            return network_views.network_image(state.current.network)
        return None

    def restore_best(self, best: Design) -> None:
        """Take over the best design of an environment that this one replaces."""
        self.best = best


def probe_size(data: Dataset) -> int:
    """Number of training samples that gradients are sampled on."""
    return min(GRADIENT_SAMPLE_SIZE, data.train.size)


def diverged(evaluated: EvaluatedNetwork) -> bool:
    """Whether the losses of a network are too large to go on with it."""
    losses = (evaluated.training.loss, evaluated.validation.loss)
    return not all(loss <= MAX_LOSS for loss in losses)  # true for NaN


def diverging_start(data: Dataset) -> InputError:
    """What to raise if a starting network diverges."""
    return InputError(
        f"the starting network diverges on data set '{data.name}': expected one "
        "with a finite loss, give it smaller weights"
    )


def draw(bounds: tuple[float, float], rng: np.random.Generator) -> float:
    """Log-uniform between the bounds (uniform if the lower one is zero)."""
    low, high = bounds
    if low == high:
        return low
    if low == 0:
        return float(rng.uniform(low, high))
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


@cache
def _compile_beside_training() -> None:
    """Compile the loops of a step in which no network runs in a process of their own.

    They and those of training take about as long to compile.
    """
    words = "from rlnas.envs import live_env; live_env.rehearse()"
    compile_beside(words, (*observations.LOOPS, *actions.LOOPS, remove))


def rehearse() -> None:
    """Do what a step does beside training, so that its loops are compiled and kept."""
    rng = np.random.default_rng(0)
    network = random_network((8, 4, 2), 1.0, rng)
    units, rows = network.n_units, network.units.shape[1]
    shapes = (units, 1), (rows, 1), (rows, units)
    probe = GradientSample(*(np.zeros(shape, np.float32) for shape in shapes))
    data = loading.load_dataset((np.zeros((20, 8)), np.arange(20) % 2))
    nothing = Evaluation(0.0, 0.0)
    now = EvaluatedNetwork(network, probe, nothing, nothing, 0.0)
    batches, legal = Batches(data.train, rng), now.judgement.legal
    state = EpisodeState(
        *(data, 0, 0.0, batches, now, now, legal), *(0, actions.NO_OP, True, False, 0.0)
    )
    observations.observe(state, 0.0)
    edits.remove_connections(network, 1)

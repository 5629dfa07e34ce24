"""`DesignEnv`: one episode designs one network while it is being trained."""

from collections.abc import Sequence
from os import PathLike
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
from numpy.typing import DTypeLike

from rlnas import plots
from rlnas.data import datasets
from rlnas.data.datasets import Dataset, Source
from rlnas.envs import actions
from rlnas.envs.observations import OBSERVATION_NAMES, Snapshot, judge, observe
from rlnas.envs.validation import (
    REWARDS,
    Range,
    check_action,
    check_choice,
    check_count,
    check_options,
    check_range,
    check_seed,
    check_under_way,
)
from rlnas.errors import InputError
from rlnas.nn.architecture import check_architecture
from rlnas.nn.edits import EditError
from rlnas.nn.gradients import PROBE_SIZE, probe
from rlnas.nn.initialization import new_network, random_network
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import HYPERPARAMETERS, Batches, check_fit, evaluate, train
from rlnas.scoring import reference_weights

MAX_LOSS = 1e18
"""A network with a larger loss has diverged: its squares would soon leave float32."""


class Design(NamedTuple):
    """A network, and the info and the words of the step that made it."""

    network: SparseNetwork
    info: dict[str, Any]


class DesignEnv(gym.Env[np.ndarray, np.integer]):
    """Design a compact network for a classification task while it is being trained.

    ## Description
    An episode starts with a small random network that has been trained for a moment. At every
    step the agent edits it (adds or removes connections, neurons or a layer, or leaves it as it
    is), the network is trained for a fixed number of batches, and its accuracy on the validation
    samples is measured. Weights are inherited from step to step. The test samples are never read.

    After Tessera & Rosman 2019, "Learning Compact, General Purpose Neural Network Architectures":
    only neurons, weights and hidden layers; training hyperparameters are never tuned.

    ## Action Space
    `Discrete(39)`, the table `rlnas.envs.actions.ACTIONS`, the same for every data set. "Hidden
    k" is the k-th hidden layer from the input side; "all" lets connections of all layers compete.

    | number | operation | layer | amount | function preserved |
    |---|---|---|---|---|
    | 0 | none | | | yes |
    | 1-10 | add connections, where the gradient is largest | all, hidden 1-3, output | x1.25, x2 | yes |
    | 11-20 | remove connections, the least salient | all, hidden 1-3, output | /1.25, /2 | no |
    | 21-26 | add neurons, where the gradient asks for them | hidden 1-3 | x1.25, x2 | yes |
    | 27-32 | remove neurons, the least salient | hidden 1-3 | /1.25, /2 | no |
    | 33-35 | add a layer in front of hidden k, or behind the last | hidden 1-3 | | yes |
    | 36-38 | remove a layer, connecting its sources to its readers | hidden 1-3 | | no |

    Amounts are relative to what is there and at least 1. An action is illegal if the network has
    no such layer, if nothing would be left, or beyond 3 hidden layers, 512 neurons in a layer or
    twice the reference number of weights. The saliency of a connection is its squared weight times
    Adam's estimate of the curvature (`rlnas.nn.edits.saliency`). An illegal action changes nothing and still costs the
    step. Masks: `info["action_mask"]` (int8, for `action_space.sample`), `action_masks()` (bool,
    for sb3-contrib), and one row per environment through vector environments (their infos, or
    `env_method("action_masks")`).

    ## Observation Space
    `Box(-1, 1, (78,), float32)`; `rlnas.envs.observations.OBSERVATION_NAMES` names the entries.

    | entries | meaning |
    |---|---|
    | progress | share of the episode that is over |
    | penalty | its logarithm |
    | classes, features, samples | logarithms of the task's size |
    | depth, size, relative_size, cost | hidden layers; weights; weights over reference; penalty paid |
    | validation_, training_ accuracy, loss | losses as x / (1 + x); training ones over the last batches |
    | generalisation_gap, accuracy_change, size_change, score_change | scaled differences |
    | log_error, log_training_error, log_cost | logarithms of the share of wrong predictions and of the penalty paid |
    | cost_over_error | logarithm of the penalty paid over the share of wrong predictions |
    | log_accuracy_change, log_score_change, log_below_best | small differences magnified: to the step before, and to the best score of the episode |
    | inputs_used | share of the inputs that have a connection |
    | last_* | one-hot operation of the last action, its amount, whether it was refused |
    | hidden_k_*, output_* | per layer: present, width, connections, fan_in, density, share_of_weights, growth_gradient (largest inactive against typical active gradient), smallest_fifth, smallest_half (their share of the weight magnitude), activity, dead_share |

    ## Rewards
    With `score = validation accuracy - penalty * active weights / reference` and `reference` the
    weights of a dense network with one hidden layer of 76 neurons (60,344 on MNIST):
    `reward="difference"` pays the change of the score, which over an episode sums to the final
    score less the initial one; `reward="score"` pays the score itself at every step.

    ## Starting State
    One hidden layer, random sparse connections, trained for `batches_per_step` batches.
    `reset(options={"architecture": ((width, density), ...)})` starts with a random network of
    these hidden layers instead; its output layer is dense. `reset(options={"network": ...})` starts
    with a copy of that one, as the argument `network` does.

    ## Episode End
    Terminates after `episode_steps` steps: the budget is part of the task and in the observation
    (`progress`), and there is no reward beyond it that a learner should count on. Never truncates:
    `spec.max_episode_steps` is None.

    ## Information
    Numbers only, at every step and after `reset`, always of the same types and shapes:

    | entries | type |
    |---|---|
    | `score`, `val_accuracy`, `val_loss`, `density`, `penalty` | float |
    | `active_weights` | int |
    | `dataset_index` | int, into the attribute `datasets` |
    | `layer_sizes` | int64 `[5]`: inputs, hidden layers 1-3, outputs; 0 for a layer that is not there |
    | `layer_densities` | float64 `[4]`: hidden layers 1-3, outputs; 0 for a layer that is not there |
    | `applied`, `diverged` | bool |
    | `action_mask` | int8 `[39]` |

    A vector environment has one array for each entry, with a row for each environment.
    `rlnas.nn.architecture.layers_of(info)` gives the layers that are there. The attribute `words` has
    text: `dataset`, and of the last step `operation` and `action` (with its layer and amount).

    If a network diverges (a loss that is not finite, or astronomic), the step is undone, `diverged`
    is True and `applied` False.

    The attribute `best` is the design with the highest score since the environment was made; its
    info has the words too.

    ## Arguments
    * `dataset`: a name (see `rlnas.data.datasets.load_dataset`), a path to an `.npz` file, `(X, y)`, a
      `Dataset`, or a list of these, of which each episode draws one. `"mixed"` stands for
      `rlnas.data.synthetic.TRAINING_FAMILY`, `"varied"` for 256 more tasks, larger ones,
      `"images"` for 96 of small images, and `"mixed_held_out"` for tasks of other kinds.
    * `penalty`: what the reference number of weights costs, in accuracy; or `(low, high)`, drawn
      log-uniformly at every reset.
    * `reward`: `"difference"` or `"score"`.
    * `episode_steps`: steps of an episode.
    * `batches_per_step`: training batches after each edit; by default a quarter of an epoch, and
      at least 25.
    * `width`, `density`: of the starting network; a number or `(low, high)`, drawn log-uniformly.
    * `network`: a starting network of your own, copied at every reset.
    * `weight_decay`: of the training; 0.1 suits episodes of many epochs
      (`rlnas.nn.training.LONG_DECAY`).
    * `data_dir`: where IDX files are looked for.
    * `render_mode`: `"ansi"` (a text table) or `"rgb_array"` (a picture of the network).

    ## Version History
    * v0: first version.
    """

    metadata = {"render_modes": ["ansi", "rgb_array"], "render_fps": 4}

    def __init__(
        self,
        dataset: Source | list[Source] = "digits",
        penalty: Range = 0.1,
        reward: str = "difference",
        episode_steps: int = 20,
        batches_per_step: int | None = None,
        width: Range = 32,
        density: Range = 0.2,
        network: SparseNetwork | None = None,
        weight_decay: float = HYPERPARAMETERS.weight_decay,
        data_dir: str | PathLike[str] | None = None,
        render_mode: str | None = None,
    ):
        self.datasets = datasets.load_datasets(dataset, data_dir)
        self.dataset_index = 0  # until the first episode
        self.penalty_range = check_range("penalty", penalty, low=0.0)
        self.width_range = check_range("width", width, low=1, high=actions.MAX_WIDTH)
        self.density_range = check_range("density", density, low=1e-6, high=1.0)
        self.weight_decay, _ = check_range("weight_decay", weight_decay, low=0.0, high=1.0)
        check_choice("reward", reward, REWARDS)
        if batches_per_step is not None:
            batches_per_step = check_count("batches_per_step", batches_per_step)
        check_choice("render mode", render_mode, (None, *self.metadata["render_modes"]))
        if network is not None:
            _check_start(network, self.datasets)
        self.reward = reward
        self.episode_steps = check_count("episode_steps", episode_steps)
        self.batches_per_step = batches_per_step
        self.start = network
        self.render_mode = render_mode
        self.elapsed = -1  # no episode yet
        self.best: Design | None = None
        self.action_space = gym.spaces.Discrete(len(actions.ACTIONS))
        self.observation_space = gym.spaces.Box(-1, 1, (len(OBSERVATION_NAMES),), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode; see the class.

        Args:
            seed: of everything random.
            options: `{"architecture": ...}` starts with a random network of that architecture,
                `(width, density)` of each hidden layer; `{"network": ...}` with a copy of that one.
        """
        check_options(options, {"architecture", "network"})
        asked = options or {}
        architecture, start = asked.get("architecture"), asked.get("network")
        if architecture is not None and start is not None:
            raise InputError("reset options 'architecture' and 'network': expected one of them")
        if architecture is not None:
            architecture = check_architecture(architecture, actions.MAX_DEPTH, actions.MAX_WIDTH)
        if start is None:
            start = self.start
        else:
            _check_start(start, self.datasets)
        super().reset(seed=check_seed(seed))
        rng = self.np_random
        self.dataset_index = int(rng.integers(len(self.datasets)))
        self.penalty = draw(self.penalty_range, rng)
        if architecture is not None:
            n_features, n_classes = self.dataset.n_features, self.dataset.n_classes
            network = new_network(architecture, n_features, n_classes, rng)
        elif start is not None:
            network = start.copy()
        else:
            width = round(draw(self.width_range, rng))
            sizes = (self.dataset.n_features, width, self.dataset.n_classes)
            network = random_network(sizes, draw(self.density_range, rng), rng)
        self.batches = Batches(self.dataset.train, rng)
        self.elapsed = 0
        self.action, self.refused, self.diverged = 0, False, False
        self.now = self.before = self._train(network)
        self.best_score = self.now.score
        if _diverged(self.now):
            raise InputError(
                f"the starting network diverges on data set '{self.dataset.name}': expected one "
                "with a finite loss, give it smaller weights"
            )
        self.mask = actions.legal_actions(self.now.network)
        return self._observation(), self._report()

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Edit, train, evaluate; see the class."""
        check_under_way(self.elapsed, self.episode_steps)
        self.action = check_action(action, len(actions.ACTIONS))
        self.before = self.now
        network = self.before.network
        self.refused = not self.mask[self.action]
        if not self.refused:
            try:
                chosen = actions.ACTIONS[self.action]
                network = actions.apply(chosen, network, self.before.probe, self.np_random)
            except EditError:
                self.refused = True
        if network is self.before.network:
            network = network.copy()  # the design before must not be trained on
        after = self._train(network)
        self.diverged = _diverged(after)
        if self.diverged:
            self.refused = True
        else:
            self.now = after
        self.best_score = max(self.best_score, self.now.score)
        self.mask = actions.legal_actions(self.now.network)
        self.elapsed += 1
        reward = self.now.score
        if self.reward == "difference":
            reward -= self.before.score
        over = self.elapsed >= self.episode_steps
        return self._observation(), float(reward), over, False, self._report()

    def action_masks(self) -> np.ndarray:
        """Bool `[39]`: which actions are legal now (the format of sb3-contrib)."""
        check_under_way(self.elapsed)
        return self.mask.copy()

    def render(self) -> Any:
        """The design as a text table or as a picture, by `render_mode`."""
        check_under_way(self.elapsed)
        if self.render_mode == "ansi":
            return plots.describe(self.now.network, self._info() | self.words)
        if self.render_mode == "rgb_array":
            return plots.network_picture(self.now.network)
        return None

    @property
    def dataset(self) -> Dataset:
        """What networks are designed for in this episode."""
        return self.datasets[self.dataset_index]

    @property
    def words(self) -> dict[str, str]:
        """`dataset`; `operation` and `action` of the last step, the latter with layer and amount.

        They are no entries of the info, of which libraries make tensors.
        """
        check_under_way(self.elapsed)
        action = actions.ACTIONS[self.action]
        return {
            "dataset": self.dataset.name,
            "operation": action.operation,
            "action": str(action),
        }

    @property
    def reference(self) -> int:
        """Active weights that the penalty is the price of, in this episode."""
        return reference_weights(self.dataset.n_features, self.dataset.n_classes)

    @property
    def training_batches(self) -> int:
        """Batches of training in every step of this episode, and before the first."""
        quarter = self.dataset.train.size // (4 * HYPERPARAMETERS.batch_size)
        return self.batches_per_step or max(25, quarter)

    @property
    def current_design(self) -> SparseNetwork:
        """The network of the last reset or step; see `rlnas.envs.searchable`."""
        check_under_way(self.elapsed)
        return self.now.network

    @property
    def evaluation_cost(self) -> int:
        """Training batches of a reset or a step; see `rlnas.envs.searchable`."""
        return self.training_batches

    def _train(self, network: SparseNetwork) -> Snapshot:
        data = self.dataset
        batches = self.batches.take(self.training_batches)
        training = train(network, data, batches, weight_decay=self.weight_decay)
        validation = evaluate(network, data, data.validation)
        size = min(PROBE_SIZE, data.train.size)
        samples = data.train[self.np_random.integers(data.train.size, size=size)]
        return judge(network, probe(network, data, samples), training, validation, self.penalty)

    def _observation(self) -> np.ndarray:
        progress = self.elapsed / self.episode_steps
        return observe(
            self.now,
            self.before,
            self.dataset,
            self.best_score,
            self.penalty,
            progress,
            self.action,
            self.refused,
        )

    def _report(self) -> dict[str, Any]:
        """The info; the design is remembered if it is the best so far."""
        info = self._info()
        if self.best is None or info["score"] > self.best.info["score"]:
            self.best = Design(self.now.network, self._info() | self.words)
        return info

    def _info(self) -> dict[str, Any]:
        network = self.now.network
        return {
            "score": float(self.now.score),
            "val_accuracy": float(self.now.validation.accuracy),
            "val_loss": float(self.now.validation.loss),
            "active_weights": network.active_weights,
            "density": network.density,
            "layer_sizes": _in_slots(network.layer_sizes, actions.MAX_DEPTH + 2, np.int64),
            "layer_densities": _in_slots(
                network.layer_densities, actions.MAX_DEPTH + 1, np.float64
            ),
            "applied": not self.refused,
            "diverged": self.diverged,
            "penalty": float(self.penalty),
            "dataset_index": self.dataset_index,
            "action_mask": self.mask.astype(np.int8),
        }


def _diverged(design: Snapshot) -> bool:
    losses = (design.training.loss, design.validation.loss)
    return not all(loss <= MAX_LOSS for loss in losses)  # true for NaN


def _in_slots(values: Sequence[float], length: int, dtype: DTypeLike) -> np.ndarray:
    """An array with a fixed place for every layer: zeros stand before the last, the output's."""
    *others, output = values
    return np.array([*others, *[0] * (length - len(values)), output], dtype)


def _check_start(network: Any, data: list[Dataset]) -> None:
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
    for each in data:
        check_fit(network, each)


def draw(bounds: tuple[float, float], rng: np.random.Generator) -> float:
    """Log-uniform between the bounds (uniform if the lower one is zero)."""
    low, high = bounds
    if low == high:
        return low
    if low == 0:
        return float(rng.uniform(low, high))
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))

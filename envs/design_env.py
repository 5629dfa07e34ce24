"""`DesignEnv`: one episode designs one network while it is being trained."""

from collections.abc import Mapping
from copy import deepcopy
from os import PathLike
from typing import Any, Self, cast

import gymnasium as gym
import numpy as np

from rlnas.data.dataset import Dataset
from rlnas.data.loading import Source
from rlnas.envs import actions
from rlnas.envs.episode import EpisodeState, EvaluatedNetwork
from rlnas.envs.live_env import LiveEnv, diverged, diverging_start, draw
from rlnas.envs.observations import OBSERVATION_NAMES, observe
from rlnas.envs.validation import (
    REWARDS,
    check_action,
    check_number,
    check_under_way,
)
from rlnas.nn import edits
from rlnas.nn.initialization import new_network, random_network
from rlnas.nn.network import SparseNetwork
from rlnas.nn.training import DEFAULT_HYPERPARAMETERS, Batches, Hyperparameters
from rlnas.validation import Range, check_choice, check_count, check_range


class DesignEnv(LiveEnv):
    """Design a compact network that tells classes apart or predicts numbers, while it is trained.

    ## Description
    An episode starts with a small random network after a little training. At every step the
    agent edits the network (it adds or removes connections, neurons or a layer, or changes
    nothing), the network is trained for a fixed number of batches, and its metric on the
    validation samples is measured. The network keeps its weights from step to step. The test
    samples are never read.

    The data set says what the metric is: the accuracy of classes, R² of numbers, or another one of
    `rlnas.objective.METRICS`. It is always from 0 to 1, larger for better: R² below 0 counts as 0,
    and the log loss as 1 - loss / log(classes).

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
    | 36-38 | remove a layer and connect its sources to its readers | hidden 1-3 | | no |

    An amount is a factor of the present number of connections or neurons; at least one is added
    or removed. An action is illegal if the network has no such layer, if nothing would be left, or
    if the network would exceed 3 hidden layers, 512 neurons in a layer or twice the reference
    number of weights. An illegal action changes nothing and still costs the step. The saliency of
    a connection is its squared weight times Adam's estimate of the curvature
    (`rlnas.nn.edits.saliency`). Action masks are in `info["action_mask"]` (int8, for
    `action_space.sample`) and `action_masks()` (bool, for sb3-contrib); vector environments have
    one row for each environment (in their infos, or by `env_method("action_masks")`).

    ## Observation Space
    `Box(-1, 1, (78,), float32)`; `rlnas.envs.observations.OBSERVATION_NAMES` names the entries.

    | entries | meaning |
    |---|---|
    | progress | elapsed share of the episode |
    | penalty | logarithm of the penalty: -1 for 0.001, 0 for 0.1, 1 for 10 |
    | classes, features, samples | logarithms of the numbers of classes (or of numbers to predict), features and training samples |
    | depth, size, relative_size, cost | hidden layers; weights; weights over reference; penalty paid |
    | validation_, training_ accuracy, loss | accuracy stands for the metric, here and below; losses as x / (1 + x), those of numbers in units of their variance; training values are over the last batches |
    | generalisation_gap, accuracy_change, size_change, score_change | scaled differences |
    | log_error, log_training_error, log_cost | logarithms of 1 - metric (the share of wrong predictions) and of the penalty paid |
    | cost_over_error | logarithm of the penalty paid over 1 - metric |
    | log_accuracy_change, log_score_change, log_below_best | differences to the previous step and to the best score of the episode, on a logarithmic scale that magnifies small ones |
    | inputs_used | share of the inputs that have a connection |
    | last_* | operation of the last action (one-hot), logarithm of its factor, whether it was refused |
    | hidden_k_*, output_* | per layer: present, width, connections, fan_in, density, share_of_weights, growth_gradient (largest inactive against typical active gradient), smallest_fifth, smallest_half (their share of the weight magnitude), activity, dead_share |

    ## Rewards
    With `score = validation metric - penalty * active weights / reference` and `reference` the
    weights of a dense network with one hidden layer of 76 neurons (60,344 on MNIST):
    `reward="difference"` pays the change of the score, which over an episode sums to the final
    score less the initial one; `reward="score"` pays the score itself at every step.

    ## Starting State
    One hidden layer, random sparse connections, trained for `batches_per_step` batches.
    `reset(options={"architecture": ((width, density), ...)})` starts with a random network with
    these hidden layers and a dense output layer. `reset(options={"network": ...})` starts with a
    copy of the given network, as the argument `network` does.

    ## Episode End
    Terminates after `episode_steps` steps: the budget is part of the task and in the observation
    (`progress`), and there is no reward after it that a learner should bootstrap. Never truncates:
    `spec.max_episode_steps` is None.

    ## Information
    Every step and every reset returns the same entries, numbers of fixed types and shapes:

    | entries | type |
    |---|---|
    | `score`, `val_metric`, `val_loss`, `density`, `penalty` | float |
    | `active_weights` | int |
    | `dataset_index` | int, into the attribute `datasets` |
    | `layer_sizes` | int64 `[5]`: inputs, hidden layers 1-3, outputs; 0 for a layer that is not there |
    | `layer_densities` | float64 `[4]`: hidden layers 1-3, outputs; 0 for a layer that is not there |
    | `applied`, `diverged` | bool |
    | `action_mask` | int8 `[39]` |

    A vector environment has one array for each entry, with a row for each environment.
    `rlnas.layers_of(info)` lists only the layers that the network has. The
    attribute `words` has texts: the names of the data set and the metric (`dataset`, `metric`), and
    the last action without and with its layer and amount (`operation`, `action`).

    If training diverges (a loss is not finite or above 1e18), the step is undone, `diverged` is
    True and `applied` is False.

    The attribute `best` is the design with the highest score that a step made, in all episodes of the environment;
    its info includes the words. `state` is the present moment of the episode, a `rlnas.envs.episode.EpisodeState`; reading it before the first
    `reset` raises an `InputError`.

    ## Arguments
    * `dataset`: a name (see `rlnas.load_dataset`), a path to an `.npz` file, `(X, y)`, what
      `rlnas.load_dataset` returns for a table (which columns are its targets), with another metric, or with weights, or a list of these, from which each episode draws one. `"mixed"` stands for
      `rlnas.data.generated.families.TRAINING_FAMILY`, `"varied"` for 256 more tasks, larger ones,
      `"images"` for 96 of small images, and `"mixed_held_out"` for tasks of other kinds.
    * `penalty`: price of the reference number of weights, in units of the metric; or `(low, high)`, between
      which it is drawn log-uniformly at every reset.
    * `reward`: `"difference"` or `"score"`.
    * `episode_steps`: number of steps of an episode.
    * `batches_per_step`: number of training batches in a reset and in a step. By default it
      depends on the data set: `epochs_per_step` epochs, but at least `min_batches_per_step`.
    * `epochs_per_step`, `min_batches_per_step`: see `batches_per_step`; a quarter of an epoch and
      25 batches.
    * `width`, `density`: width and density of the hidden layer of the starting network; a number,
      or `(low, high)`, between which it is drawn log-uniformly at every reset.
    * `network`: network that every episode starts with a copy of.
    * `hyperparameters`: batch size and settings of the optimiser, an `rlnas.Hyperparameters` or a
      dictionary with some of its fields. A weight decay of 0.1 suits episodes of many epochs.
    * `saliency`: importance of each connection of a network, a function that returns float
      `[connections]`; by default `rlnas.nn.edits.saliency`.
    * `data_dir`: folder with IDX files.
    * `render_mode`: `"ansi"` (a text table) or `"rgb_array"` (a picture of the network).

    ## Version History
    * v1: networks are trained with a learning rate of 1e-2, in v0 2e-3.
    * v0: first version.
    """

    n_actions = len(actions.ACTIONS)

    def __init__(
        self,
        dataset: Source | list[Source] = "digits",
        penalty: Range = 0.1,
        reward: str = "difference",
        episode_steps: int = 20,
        batches_per_step: int | None = None,
        epochs_per_step: float = 0.25,
        min_batches_per_step: int = 25,
        width: Range = 32,
        density: Range = 0.2,
        network: SparseNetwork | None = None,
        hyperparameters: Hyperparameters | Mapping[str, Any] = DEFAULT_HYPERPARAMETERS,
        saliency: actions.Saliency = edits.saliency,
        data_dir: str | PathLike[str] | None = None,
        render_mode: str | None = None,
    ):
        super().__init__(
            dataset, penalty, network, hyperparameters, saliency, data_dir, render_mode
        )
        self.width_range = check_range("width", width, low=1, high=actions.MAX_WIDTH)
        self.density_range = check_range("density", density, low=1e-6, high=1.0)
        check_choice("reward", reward, REWARDS)
        if batches_per_step is not None:
            batches_per_step = check_count("batches_per_step", batches_per_step)
        self.reward = reward
        self.episode_steps = check_count("episode_steps", episode_steps)
        self.batches_per_step = batches_per_step
        self.epochs_per_step = check_number("epochs_per_step", epochs_per_step, low=0.0)
        self.min_batches_per_step = check_count("min_batches_per_step", min_batches_per_step)
        self.observation_space = gym.spaces.Box(-1, 1, (len(OBSERVATION_NAMES),), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode; see the class.

        Args:
            seed: of everything random.
            options: `{"architecture": ...}` starts with a random network of that architecture,
                `(width, density)` of each hidden layer; `{"network": ...}` with a copy of that one.

        Raises:
            InputError: a value cannot be used, or the starting network diverges.
        """
        architecture, start = self._wanted_start(options)
        dataset_index, dataset, penalty = self._drawn_task(seed)
        rng = self.np_random
        if architecture is not None:
            network = new_network(architecture, dataset.n_features, dataset.n_outputs, rng)
        elif start is not None:
            network = start.copy()
        else:
            width = round(draw(self.width_range, rng))
            sizes = (dataset.n_features, width, dataset.n_outputs)
            network = random_network(sizes, draw(self.density_range, rng), rng)
        batches = Batches(dataset.train, rng, self.hyperparameters.batch_size)
        current = self._trained(network, dataset, batches, penalty)
        if diverged(current):
            raise diverging_start(dataset)
        return self._outcome(
            EpisodeState(
                dataset=dataset,
                dataset_index=dataset_index,
                penalty=penalty,
                batches=batches,
                current=current,
                previous=current,
                legal=current.judgement.legal,
                elapsed=0,
                action=actions.NO_OP,
                applied=True,
                diverged=False,
                best_score=current.score,
            )
        )

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Edit, train, evaluate; see the class.

        Raises:
            InputError: no episode is under way, or there is no such action.
        """
        state = self.state
        check_under_way(state.elapsed, self.episode_steps)
        number = check_action(action, self.n_actions)
        network = None
        if state.legal[number]:
            network = self._edit(state.current, number)
        applied = network is not None
        if network is None:
            network = state.current.network.copy()  # training must not change the previous design
        after = self._trained(network, state.dataset, state.batches, state.penalty)
        undone = diverged(after)
        current = state.current if undone else after
        observation, info = self._outcome(
            EpisodeState(
                dataset=state.dataset,
                dataset_index=state.dataset_index,
                penalty=state.penalty,
                batches=state.batches,
                current=current,
                previous=state.current,
                legal=current.judgement.legal,
                elapsed=state.elapsed + 1,
                action=number,
                applied=applied and not undone,
                diverged=undone,
                best_score=max(state.best_score, current.score),
            )
        )
        reward = current.score
        if self.reward == "difference":
            reward -= state.current.score
        over = state.elapsed + 1 >= self.episode_steps
        return observation, float(reward), over, False, info

    def _trained(
        self, network: SparseNetwork, data: Dataset, batches: Batches, penalty: float
    ) -> EvaluatedNetwork:
        """Train a network for one step of an episode, in place, and evaluate it."""
        number = self._batches_per_step(data)
        return self._trained_and_judged(network, data, batches, number, penalty)

    def _outcome(self, state: EpisodeState) -> tuple[np.ndarray, dict[str, Any]]:
        """Make a state the present one; its observation and info."""
        self._enter(state)
        observation = observe(state, state.elapsed / self.episode_steps)
        return observation, cast(dict[str, Any], state.info())

    @property
    def evaluation_cost(self) -> int:
        """Training batches of a reset or a step of this episode; see `rlnas.envs.searchable`."""
        return self._batches_per_step(self.dataset)

    def _batches_per_step(self, data: Dataset) -> int:
        epochs = int(self.epochs_per_step * data.train.size / self.hyperparameters.batch_size)
        return self.batches_per_step or max(self.min_batches_per_step, epochs)

    def continued(self, episode_steps: int, batches_per_step: int) -> Self:
        """A copy whose episode goes on from the present moment with other lengths.

        Args:
            episode_steps: number of steps of an episode, those already taken included.
            batches_per_step: number of training batches after each edit.
        """
        copy = deepcopy(self)
        copy.episode_steps = check_count("episode_steps", episode_steps)
        copy.batches_per_step = check_count("batches_per_step", batches_per_step)
        return copy

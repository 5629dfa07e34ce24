"""`TabularEnv`: architecture design where every result is looked up in a table."""

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np

from rlnas import plots
from rlnas.envs.look_up.env import LookUpEnv
from rlnas.envs.tabular.actions import middle_layer, reachable, tabular_actions
from rlnas.envs.tabular.dynamics import (
    REPORTED,
    Rules,
    Settings,
    TabularState,
    advance,
    before_the_first_reset,
    begin,
    make_rules,
    observation_names,
)
from rlnas.envs.validation import REWARDS, check_options
from rlnas.nn.architecture import Architecture
from rlnas.tabular.table import Table
from rlnas.validation import Range, check_choice, check_count, check_range

_ARCHITECTURE, _ELAPSED = map(TabularState._fields.index, ("architecture", "elapsed"))


class TabularEnv(LookUpEnv[TabularState]):
    """Design a compact network where every architecture has been trained beforehand.

    ## Description
    A step takes microseconds and the best design is known, so that algorithms can be compared in
    seconds and by their regret. The architectures are those of a `rlnas.tabular.table.Table`: up to
    3 hidden layers, each with one of 5 widths (8 to 128 neurons) and one of 5 densities (1/32 to
    1/2), 16,276 architectures in all, each trained from scratch with 3 seeds. The operations, the
    reward and the length of an episode are those of `DesignEnv`; but the agent designs an
    architecture, whereas in `DesignEnv` it designs the individual connections of one network.

    ## Action Space
    `Discrete(19)` for the tables of the package; `tabular_actions(grid)` for any grid.

    | number | operation | layer | change |
    |---|---|---|---|
    | 0 | none | | |
    | 1-3 | add connections | hidden 1-3 | next higher density of the grid (x2) |
    | 4-6 | remove connections | hidden 1-3 | next lower density (/2) |
    | 7-9 | add neurons | hidden 1-3 | next higher width of the grid (x2) |
    | 10-12 | remove neurons | hidden 1-3 | next lower width (/2) |
    | 13-15 | add a layer in front of hidden k, or behind the last | hidden 1-3 | width and density of that layer; of the middle of the grid if there is no layer |
    | 16-18 | remove a layer | hidden 1-3 | |

    An action is illegal if the architecture has no such layer, if the grid has no such width or
    density, or if there are 3 hidden layers already. An illegal action changes nothing and still
    costs the step. Action masks are in `info["action_mask"]` (int8) and `action_masks()` (bool).

    ## Observation Space
    `Box(-1, 1, (32,), float32)`; `observation_names(grid)` names the entries.

    | entries | meaning |
    |---|---|
    | progress | elapsed share of the episode |
    | penalty, cost | logarithm of the penalty; penalty paid |
    | accuracy_change, size_change, score_change | scaled differences to the previous step |
    | last_* | operation of the last action (one-hot), and whether it was refused |
    | depth, size, relative_size | hidden layers; weights; weights over reference |
    | validation_accuracy, validation_loss, training_loss | losses as x / (1 + x) |
    | hidden_k_* | per layer: present, width, connections, density |

    ## Rewards
    As in `DesignEnv`: `score = validation accuracy - penalty * active weights / reference`, where
    `reference` is the weight count of a dense network with one hidden layer of 76 neurons.
    `reward="difference"` pays the change of the score, `reward="score"` the score itself.

    ## Starting State
    An architecture drawn uniformly from the table. `reset(options={"architecture": ...})` starts
    one episode with another one.

    ## Episode End
    Terminates after `episode_steps` steps. Never truncates: `spec.max_episode_steps` is None.

    ## Information
    `score`, `val_accuracy`, `val_loss`, `active_weights`, `penalty`, `optimum` (highest mean score
    of the table at this penalty), `regret` (optimum less the mean score of the present
    architecture), `architecture` (its index in `Grid.architectures`), `applied` and
    `action_mask`, at every step and after `reset`. `active_weights` is a mean over seeds, hence a
    float.

    `best_reachable()` returns the best architecture that the present episode can still end with,
    and its score. `state` is the present moment of the episode, a
    `rlnas.envs.tabular.dynamics.TabularState`; reading it before the first `reset` raises an
    `InputError`.

    ## Arguments
    * `table`: name of a table of the package, path of a table file, or a `Table`.
    * `penalty`: accuracy that the reference number of weights costs; or `(low, high)`, between
      which it is drawn log-uniformly at every reset.
    * `reward`: `"difference"` or `"score"`.
    * `episode_steps`: number of steps of an episode.
    * `epochs`: number of training epochs that results are looked up for; by default the largest in
      the table.
    * `noisy`: whether each evaluation is that of one seed, drawn at random, instead of the mean
      over seeds. Regret is always that of the mean.
    * `start`: `"random"` draws an architecture at every reset; `"middle"` is one hidden layer with
      the middle width and density of the grid (32 neurons, 1/8); or `(width, density)` of each
      hidden layer.
    * `render_mode`: `"ansi"` (a text table) or `"rgb_array"` (the design among all others).

    ## Version History
    * v0: first version.
    """

    metadata = {"render_modes": ["ansi", "rgb_array"], "render_fps": 4}
    state_class = TabularState
    reported = (*REPORTED, "architecture", "applied")

    def __init__(
        self,
        table: str | Path | Table = "digits",
        penalty: Range = 0.1,
        reward: str = "difference",
        episode_steps: int = 20,
        epochs: int | None = None,
        noisy: bool = False,
        start: Architecture | Literal["random", "middle"] = "random",
        render_mode: str | None = None,
    ):
        self.table = table if isinstance(table, Table) else Table.load(table)
        self.rules = rules_of(self.table, epochs)
        self.settings = make_settings(self.table, penalty, reward, episode_steps, noisy, start)
        self.reward = reward
        self.episode_steps = self.settings.episode_steps
        self.epochs = epochs
        self.actions = tabular_actions(self.table.grid)
        entries = len(observation_names(self.table.grid))
        super().__init__(
            self.settings,
            len(self.actions),
            self.settings.noise_size,
            self.settings.random,
            before_the_first_reset(1),
            np.zeros((1, entries), np.float32),
            render_mode,
        )

    @property
    def reference(self) -> int:
        """Number of active weights that cost `penalty`."""
        return self.table.reference

    @property
    def architecture(self) -> Architecture:
        """`(width, density)` of each hidden layer, now."""
        return self.architecture_of(self.state)

    def architecture_of(self, state: TabularState) -> Architecture:
        """The same in any state."""
        return self.table.grid.architectures[state.architecture]

    @property
    def current_design(self) -> Architecture:
        """The architecture of the last reset or step; see `rlnas.envs.searchable`."""
        return self.architecture

    @property
    def evaluation_cost(self) -> int:
        """1, for the look-up of a reset or a step; see `rlnas.envs.searchable`."""
        return 1

    def best_reachable(self) -> tuple[Architecture, float]:
        """The architecture with the highest mean score that the episode can still end with.

        Returns:
            The architecture and its score.
        """
        left = self.episode_steps - self.state.elapsed
        return best_reachable(self.table, self.architecture, left, self.state.penalty, self.epochs)

    def render_state(self, state: TabularState) -> Any:
        """A state as a text table or as a picture, by `render_mode`."""
        if self.render_mode == "ansi":
            layers = [
                f"hidden {k:<4}{width:>4} neurons, density {density:g}"
                for k, (width, density) in enumerate(self.architecture_of(state), start=1)
            ]
            facts = [f"{name:<15}{getattr(state, name):.4f}" for name in REPORTED]
            return "\n".join([*layers, *facts])
        mean = self.rules.results[-1]
        drawn, axes = plots.figure()
        position = state.active_weights, state.val_accuracy
        plots.draw_position(mean["active_weights"], mean["val_accuracy"], *position, axes)
        return plots.pixels(drawn)

    def starting(self, options: dict[str, Any] | None) -> Settings:
        """The settings of an episode with reset options.

        Raises:
            InputError: an option is unknown, or the architecture is not on the grid.
        """
        check_options(options, {"architecture"})
        if not options:
            return self.settings
        start = self.table.grid.number(options["architecture"])
        return self.settings._replace(start=start)

    def _start(self, how: Settings) -> None:
        begin(
            self.rules,
            how.record,
            self._noise,
            self._everywhere,
            self._states,
            self._observations,
        )

    def _move(self) -> None:
        advance(
            self.rules,
            self._record,
            self._noise,
            self._action,
            self._everywhere,
            self._states,
            self._observations,
        )

    def _is_over(self, moment: tuple[Any, ...]) -> bool:
        over: bool = moment[_ELAPSED] >= self.episode_steps
        return over

    def _legal(self) -> np.ndarray:
        legal: np.ndarray = self.rules.legal[self._moment[_ARCHITECTURE]]
        return legal

    def _info(self) -> dict[str, Any]:
        # As it is inherited, but written out, which takes a fifth from the time of a step.
        (
            architecture,
            _,
            _,
            applied,
            _,
            _,
            val_accuracy,
            val_loss,
            active_weights,
            score,
            penalty,
            optimum,
            regret,
        ) = self._moment
        return {
            "val_accuracy": val_accuracy,
            "val_loss": val_loss,
            "active_weights": active_weights,
            "score": score,
            "penalty": penalty,
            "optimum": optimum,
            "regret": regret,
            "architecture": architecture,
            "applied": applied,
            "action_mask": self.rules.legal[architecture].copy(),
        }


def rules_of(table: Table, epochs: int | None) -> Rules:
    """The rules of a table, made once."""
    return _rules_of(table, table.check_epochs(epochs))


_rules_of = lru_cache(maxsize=8)(make_rules)


def make_settings(
    table: Table, penalty: Range, reward: str, episode_steps: int, noisy: bool, start: Any
) -> Settings:
    """The settings of an environment, checked; see `TabularEnv`.

    Raises:
        InputError: a value cannot be used.
    """
    low, high = check_range("penalty", penalty, low=0.0)
    check_choice("reward", reward, REWARDS)
    episode_steps = check_count("episode_steps", episode_steps)
    if isinstance(start, str):
        check_choice("start", start, ("random", "middle"))
    grid = table.grid
    if isinstance(start, str) and start == "middle":
        start = (middle_layer(grid),) if grid.max_depth else ()
    number = -1 if isinstance(start, str) else grid.number(start)
    reference = float(table.reference)
    return Settings(
        episode_steps, bool(noisy), reward == "difference", number, low, high, reference
    )


def best_reachable(
    table: Table,
    start: Architecture,
    steps: int,
    penalty: float,
    epochs: int | None = None,
) -> tuple[Architecture, float]:
    """The architecture with the highest mean score that some steps can lead to, and its score.

    Args:
        table: the measured results.
        start: an architecture of its grid.
        steps: how many actions are taken; "none" is one.
        penalty: what the reference number of weights costs, in accuracy.
        epochs: one of the table's epoch counts; by default the most.

    Raises:
        InputError: the architecture or the epoch count is not in the table.
    """
    near = reachable(table.grid, start, steps)
    scores = np.where(near, table.scores(penalty, epochs=epochs), -np.inf)
    best = int(scores.argmax())
    return table.grid.architectures[best], float(scores[best])

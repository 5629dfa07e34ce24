"""`FamilyEnv`: design on many tasks, within a budget, where every result is looked up."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rlnas import plots
from rlnas.envs.family.actions import FAMILY_ACTIONS
from rlnas.envs.family.bank import Bank, make_bank
from rlnas.envs.family.dynamics import (
    EPISODE_STEPS,
    NOISE,
    REPORTED,
    FamilyState,
    Settings,
    advance,
    begin,
    no_episodes,
)
from rlnas.envs.look_up.env import LookUpEnv
from rlnas.envs.validation import check_options
from rlnas.errors import InputError
from rlnas.family.family_file import Family, load_family
from rlnas.family.space import ARCHITECTURES, LENGTHS
from rlnas.family.table import TaskTable
from rlnas.family.tasks import Split, Task, chosen
from rlnas.nn.architecture import Architecture
from rlnas.validation import Range, check_choice, check_count, check_range, whole

RETURNS = ("anytime", "final")
"""What an episode may pay."""

_OVER = FamilyState._fields.index("over")


class Start(NamedTuple):
    """How an episode begins.

    Attributes:
        settings: The settings, of which options may have changed some.
        task: Share of the tasks before the one that is taken; negative to draw one.
        seed: Share of the seeds before the one that is taken; negative to draw one.
    """

    settings: Settings
    task: float = -1.0
    seed: float = -1.0

    def apply(self, noise: np.ndarray, which: np.ndarray) -> None:
        """Replace the random numbers of what is not drawn, float64 `[n, NOISE]`."""
        for column, share in ((0, self.task), (1, self.seed)):
            if share >= 0:
                noise[which, column] = share


class FamilyEnv(LookUpEnv[FamilyState]):
    """Design a compact network for a task that is drawn from many, within a budget.

    ## Description
    The tasks are real and generated data sets (`rlnas.family.tasks`), in three splits: policies are
    trained on the first, chosen on the second, and judged once on the third, whose tasks are
    others. On each of them every architecture of one space (`rlnas.family.space`) was trained with
    several seeds. A step looks up what a training gave, and costs what the training would have
    cost. So a policy sees what a designer would know: the size of the task, what was tried and what
    came of it, the price of weights, and what is left of the budget; but not which task it is.

    Luck is not paid: decisions are based on the validation results of one seed, and are paid by the
    test results of the others, which have other splits of the data and other initial weights.

    ## Action Space
    `Discrete(91)`, the table `rlnas.envs.family.actions.FAMILY_ACTIONS`. Networks are trained from
    scratch for 6, 24, 96 or 384 batches; only what was not trained before costs something.

    | number | action | legal |
    |---|---|---|
    | 0-47 | train one of 12 architectures, from linear to three hidden layers, 4 lengths each | if the rest pays for it |
    | 48-87 | train a neighbour of the present architecture, 4 lengths each: hidden layer 1, 2 or 3 wider or narrower; denser, sparser; a layer more, the last one less | the same, if there is such a neighbour |
    | 88 | train the present architecture for the next length | the same |
    | 89 | back to the architecture of the best design | if it is another one |
    | 90 | stop | once something was trained |

    Every action but stop also costs a little, as an edit does in `BudgetDesignEnv`. An illegal
    action changes nothing and costs as much. Action masks are in `info["action_mask"]` (int8) and
    `action_masks()` (bool).

    ## Observation Space
    `Box(-1, 1, (78,), float32)`; `FAMILY_OBSERVATION_NAMES` names the entries.

    | entries | meaning |
    |---|---|
    | rows, features, outputs, validation_rows, reference | logarithms of the size of the task |
    | regression, balanced, nothing | whether numbers are predicted; whether classes count alike; validation metric of a prediction that reads no feature |
    | penalty, budget | their logarithms |
    | spent, log_spent, log_left, steps | shares of the budget and of the steps |
    | started, depth, width_k, density, size, relative_size, length, relative_cost | the present architecture, and how long it was trained |
    | metric_n, loss_n, train_loss_n | its results after n batches; losses as x / (1 + x) |
    | gain | ten times the last change of the validation score |
    | best_* | the best design so far, and how long ago it was found |
    | start_k_metric, start_k_length | what was found about the 12 architectures of actions 0-47 |
    | last_* | kind of the last action (one-hot), and whether it was refused |

    ## Rewards
    The score of a network is `metric - penalty * weights / reference`. The best design is the one
    with the highest validation score with the seed of the episode. When it changes, the reward is
    the change of its *judged* score, with the mean test metric of the other seeds, times

        share = min(log(budget / spent) / log(budget / first), 1)

    with what is spent then, and `first` a tenth of the budget or the cheapest step. So the rewards
    add up to the mean, over the logarithm of the cost, of what the best design is better than a
    prediction without features. `reward="final"` pays without the share.

    ## Starting State
    A task, a seed, a penalty and a budget are drawn. `reset(options={"task": name})` takes a task
    with this name; `"seed_of_results"`, `"penalty"` and `"budget"` set the others.

    ## Episode End
    Terminates when it is stopped, when the rest of the budget pays for nothing, or after
    `episode_steps` steps. Never truncates.

    ## Information
    `penalty`, `budget` and `spent` (in units: one pays for 500 batches of the network with the
    reference number of weights), `val_metric` and `score` (of the present network with the seed of
    the episode), `best_score`, `judged` (score of the best design by the other seeds), `anytime`
    (sum of the rewards), `applied` and `action_mask`, at every step and after `reset`. `state` is
    the present moment, `task` the present task.

    ## Arguments
    * `family`: path of a file made by `rlnas benchmark build-family`, or a `Family`; by default the
      one that comes with rlnas.
    * `split`: `"train"`, `"validation"` or `"test"`.
    * `num_tasks`, `start_task`: how many tasks to draw from, and the first of them; by default all.
    * `axis`: only tasks that are there to show this, see `rlnas.family.tasks.AXES`.
    * `penalty`: metric that the reference number of weights costs; or `(low, high)`, between which
      it is drawn log-uniformly at every reset.
    * `budget`: in units, likewise.
    * `reward`: `"anytime"` or `"final"`.
    * `episode_steps`: largest number of steps of an episode.
    * `render_mode`: `"ansi"`, a text; `"rgb_array"`, a picture of all designs on the task, with the
      present one.

    ## Version History
    * v0: first version.
    """

    metadata = {"render_modes": ["ansi", "rgb_array"], "render_fps": 4}
    state_class = FamilyState
    reported = (*REPORTED, "applied")

    def __init__(
        self,
        family: str | Path | Family | None = None,
        split: Split = "train",
        num_tasks: int | None = None,
        start_task: int = 0,
        axis: str | None = None,
        penalty: Range = (0.1, 2.0),
        budget: Range = (0.03, 0.3),
        reward: str = "anytime",
        episode_steps: int = EPISODE_STEPS,
        render_mode: str | None = None,
    ):
        family = load_family(family)
        self.tasks = chosen(family.tasks, split, num_tasks, start_task, axis)
        self.tables = [family.table(task.name) for task in self.tasks]
        self.bank = bank_of(self.tables)
        check_choice("reward", reward, RETURNS)
        low, high = check_range("budget", budget, 1e-6, 1e6)
        self.settings = Settings(
            *check_range("penalty", penalty, low=0.0),
            low, high, check_count("episode_steps", episode_steps), reward == "anytime",
        )  # fmt: skip
        self._check_pays(low)
        self.reward = reward
        self._episodes = no_episodes(1)
        super().__init__(
            self.settings,
            len(FAMILY_ACTIONS),
            NOISE,
            True,
            self._episodes.states,
            self._episodes.observations,
            render_mode,
        )

    @property
    def task(self) -> Task:
        """The task of the episode."""
        return self.tasks[self.state.task]

    @property
    def architecture(self) -> Architecture | None:
        """`(width, density)` of each hidden layer, now; None before the first training."""
        return self.architecture_of(self.state)

    def architecture_of(self, state: FamilyState) -> Architecture | None:
        """The same in any state."""
        return None if state.architecture < 0 else ARCHITECTURES[state.architecture]

    def render_state(self, state: FamilyState) -> Any:
        """As `render`, of any state."""
        return self._in_words(state) if self.render_mode == "ansi" else self._picture(state)

    def _in_words(self, state: FamilyState) -> str:
        lines = [f"{'task':<12}{self.tasks[state.task].name}"]
        for word, number, length in (
            ("now", state.architecture, state.length),
            ("best", state.best, state.best_length),
        ):
            if number >= 0:
                widths = "-".join(str(width) for width, _ in ARCHITECTURES[number]) or "linear"
                lines.append(f"{word:<12}{widths}, {LENGTHS[length]} batches")
        return "\n".join([*lines, *(f"{name:<12}{getattr(state, name):.4f}" for name in REPORTED)])

    def _picture(self, state: FamilyState) -> np.ndarray:
        """What the longest trainings give on the task, uint8 `[height, width, 3]`."""
        table, number = self.tables[state.task], state.architecture
        weights, metrics = table.weights, table.val_metric[state.seed, :, -1]
        x, y = (weights[number], state.val_metric) if number >= 0 else (np.nan, np.nan)
        drawn, axes = plots.figure()
        plots.draw_position(weights, metrics, x, y, axes)
        axes.set_ylabel("validation metric")
        return plots.pixels(drawn)

    def starting(self, options: dict[str, Any] | None) -> Start:
        """How an episode with reset options begins.

        Raises:
            InputError: an option is unknown, or its value cannot be used.
        """
        check_options(options, {"task", "seed_of_results", "penalty", "budget"})
        given, settings, task, seed = options or {}, self.settings, -1.0, -1.0
        if "task" in given:
            names = [each.name for each in self.tasks]
            if given["task"] not in names:
                raise InputError(
                    f"task {given['task']!r} is not among the {len(names)} tasks of this environment: "
                    "expected the name of one of its `tasks`"
                )
            task = (names.index(given["task"]) + 0.5) / len(names)
        if "seed_of_results" in given:
            n_seeds = self.bank.n_seeds
            seed = (
                whole("seed_of_results", given["seed_of_results"], 0, n_seeds - 1) + 0.5
            ) / n_seeds
        if "penalty" in given:
            low, high = check_range("penalty", given["penalty"], low=0.0)
            settings = settings._replace(low_penalty=low, high_penalty=high)
        if "budget" in given:
            low, high = check_range("budget", given["budget"], 1e-6, 1e6)
            self._check_pays(low)
            settings = settings._replace(low_budget=low, high_budget=high)
        return Start(settings, task, seed)

    def _start(self, how: Start) -> None:
        how.apply(self._noise, self._everywhere)
        begin(self.bank, how.settings.record, self._noise, self._everywhere, self._episodes)

    def _move(self) -> None:
        advance(self.bank, self._record, self._action, self._everywhere, self._episodes)

    def _is_over(self, moment: tuple[Any, ...]) -> bool:
        over: bool = moment[_OVER]
        return over

    def _legal(self) -> np.ndarray:
        legal: np.ndarray = self._episodes.masks[0]
        return legal

    def _check_pays(self, budget: float) -> None:
        """Raise `InputError` if the smallest budget does not pay for a step on some task."""
        least = self.bank.cost[:, 0, 0] + self.bank.edit
        worst = int(least.argmax())
        if budget < least[worst]:
            raise InputError(
                f"budget {budget:g} does not pay for a linear network on task "
                f"'{self.tasks[worst].name}': expected at least {least[worst]:.3g}"
            )


_BANKS: dict[tuple[int, ...], tuple[list[TaskTable], Bank]] = {}


def bank_of(tables: list[TaskTable]) -> Bank:
    """The bank of some tables; many environments share the last one."""
    key = tuple(map(id, tables))
    if key not in _BANKS:
        _BANKS.clear()
        _BANKS[key] = tables, make_bank(tables)  # the tables stay alive, so that no id is reused
    return _BANKS[key][1]

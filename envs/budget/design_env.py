"""`BudgetDesignEnv`: design a network within a budget of training cost."""

from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from typing import Any, cast

import gymnasium as gym
import numpy as np

from rlnas.cost import edit_cost, size_of
from rlnas.data.dataset import Dataset
from rlnas.data.loading import Source
from rlnas.envs import actions
from rlnas.envs.budget.actions import (
    BUDGET_ACTIONS,
    EDITS,
    STARTS,
    STARTS_SLICE,
    Back,
    BudgetAction,
    Start,
    legal_edits,
    legal_starts,
)
from rlnas.envs.budget.costs import (
    LEAST_BATCHES,
    batches_of,
    check_budget,
    check_pays,
    check_start_pays,
    counts_from,
    first_step_costs,
    step_cost,
    unit_cost,
)
from rlnas.envs.budget.episode import (
    BudgetState,
    constant_prediction,
    score_on_test,
    share_left,
)
from rlnas.envs.budget.observations import BUDGET_OBSERVATION_NAMES, observe_budget
from rlnas.envs.episode import EvaluatedNetwork
from rlnas.envs.live_env import LiveEnv, diverged, diverging_start, draw, probe_size
from rlnas.envs.validation import check_action, check_number, check_under_way
from rlnas.nn import edits
from rlnas.nn.initialization import new_network
from rlnas.nn.network import SparseNetwork
from rlnas.nn.running import sample_gradients
from rlnas.nn.training import (
    DEFAULT_HYPERPARAMETERS,
    Batches,
    Hyperparameters,
    evaluate,
    train,
)
from rlnas.validation import Range, check_choice, check_count

RETURNS = ("anytime", "final", "test")
"""What an episode with a budget may pay."""

GIVEN_BATCHES = (6, 400)
"""Least and most training batches of a network that an episode begins with."""


class BudgetDesignEnv(LiveEnv):
    """Design a network within a budget of training cost; an early good design is worth more.

    ## Description
    `DesignEnv` gives every step the same training. Here the agent also decides how long to train,
    what to begin with, when to give up a bad turn, and when to stop. An episode begins without a
    network, or with one that is to be improved. Every step is an edit and some training after it,
    an evaluation and a probe, and costs what they compute; all steps pay for an edit, also those
    that only train. The episode is over when the budget is spent. Its score is the mean, over the
    cost, of the best design so far: a good design that is found early is worth more than the same
    design found late, since a search can be stopped at any time.

    Costs are counted, never timed: the multiplications and divisions that the compiled loops carry
    out, known from the structure of the network before anything is computed (`rlnas.cost`). So they
    are the same on every machine, whatever else it does, and an episode can be played again to the
    bit. Larger networks cost more, sparse ones less, in training as in evaluation. `docs/cost.md`
    compares cost with time.

    The network keeps its weights from step to step. Nothing that the agent sees is computed from
    the test samples.

    ## Action Space
    `Discrete(136)`, the table `rlnas.BUDGET_ACTIONS`, the same for every data set. Each edit is
    there three times, with short, normal and long training: the step costs 0.1, 0.3 or 1 of what
    was spent before it, or the cost of 6 training batches if that is more. So a step covers as much
    of the logarithm of the cost early as late.

    | number | edit | legal |
    |---|---|---|
    | 0-116 | the 39 edits of `DesignEnv`, in their order ("none" is training alone) | as there, once there is a network |
    | 117-119 | back: go on with the best design of the episode, its weights and the state of its optimiser | if that is a network, and not the present one |
    | 120-134 | start with a random network: linear; one hidden layer of 4, 12, 40, 128 neurons; two of 12 or 40; three of 40; hidden layers with density 0.2 and 1 | in the first step, and later as long as there is no network; if it has at most twice the reference number of weights, and the first step costs at most a tenth of the budget; the cheapest start always |
    | 135 | stop: the episode is over; costs nothing | once there is a network |

    There are 6 training batches after a start, and fewer than 6 after another action only if the
    rest of the budget pays for no more. An action is refused if it is illegal, or if the rest does
    not pay for a batch of the network that the edit makes. Then nothing is changed and still
    something is paid: for the training of the network as it is (6 batches if it was to start), or
    for an edit if there is no network. Action masks are those of `DesignEnv`, in all their forms.

    ## Observation Space
    `Box(-1, 1, (97,), float32)`; `rlnas.BUDGET_OBSERVATION_NAMES` names the entries. The first ones
    are those of `DesignEnv`, of which `progress` is the share of the budget or of the steps, the
    larger one. All entries are clipped. These follow:

    | entries | meaning |
    |---|---|
    | budget | logarithm of the budget in units, half of it: 0 for 1, 1 for 100 |
    | spent | share of the budget that is spent |
    | log_spent, log_left | logarithms of the shares of the budget that are spent and left, a third of them |
    | spent_units | logarithm of what is spent in units, a quarter of it |
    | least_cost, least_share | logarithms of the cost of a step with the present network and 6 batches: over what is left, a quarter of it; over what is spent, a third of it |
    | steps | share of `episode_steps` that is over |
    | started | whether there is a network |
    | last_start, last_back, last_short, last_normal, last_long | the last action: whether it was a start or went back, and its training (one-hot); no operation and no training for stop. After a reset as after "none" with short training |
    | best_accuracy, best_size | validation metric of the best design; logarithm of its weights over reference, a third of it |
    | best_is_current | whether the best design is the present one |
    | steps_since_best, spent_since_best | tenths of the number of steps since it was found; logarithm of what is spent over what was spent then, half of it |

    Logarithms are to base 10.

    ## Rewards
    The score of a design is that of `DesignEnv`, `validation metric - penalty * active weights /
    reference`. While there is no network, it is that of a constant prediction with no weights: the
    most frequent class of the training samples, or their mean.

    `reward="anytime"` pays for a step that raises the best score

        (best score after - best score before) * share,
        share = min(log(budget / spent) / log(budget / first), 1)

    with what is spent after the step, and `first` a tenth of the budget, or the cost of the
    cheapest start if that is more. The share is 1 until that is spent, and falls to 0 at the end of
    the budget. The rewards add up to the change of `info["anytime"]` since the reset, which at the
    end is the anytime score: the mean of the best score so far over the logarithm of the cost, from
    `first` to the budget. It needs no discount.

    `reward="final"` pays the improvement itself, which adds up to the change of the best score.

    `reward="test"` pays as "anytime", but by the scores of the same designs on the test samples:
    what the best design is worth, not what it seems to be after many looks at the validation
    samples. It is for training policies on tasks whose test samples serve no other end.

    Other steps pay 0.

    ## Starting State
    Nothing is spent. With probability `given`, there is a network: one of the legal starts, trained
    for 6 to 400 batches (log-uniform) at no cost, or untrained if that training diverges. The agent
    can improve it, or start with another in the first step. Else there is none.

    `reset(options={"architecture": ((width, density), ...)})` starts with a random network with
    these hidden layers, `reset(options={"network": ...})` and the argument `network` with a copy of
    that one, neither of them trained. No reward is paid for what is given.

    ## Episode End
    Terminates when the rest of the budget does not pay for another batch of the present network
    (or of any start), when the agent stops, and after `episode_steps` steps. What is spent never
    exceeds the budget. Never truncates: `spec.max_episode_steps` is None.

    ## Information
    All entries of `DesignEnv`, the mask with as many actions as there are here, and

    | entries | type |
    |---|---|
    | `budget`, `spent` | int, multiply-adds of the episode, and those spent |
    | `cost` | int, multiply-adds of the step |
    | `best_score` | float, highest score of the episode; at first, that of the network given or of a constant prediction |
    | `anytime` | float, the anytime score if nothing better is found |
    | `batches` | int, training batches of the step |

    If training diverges, the step is undone as in `DesignEnv`, but its cost is paid.

    The attributes `words`, `best` and `state` are as in `DesignEnv`; `state` is a
    `rlnas.envs.budget.episode.BudgetState`. `state.best` is the best design of the episode.

    ## Arguments
    * `dataset`, `penalty`, `hyperparameters`, `saliency`, `data_dir`, `render_mode`: as in
      `DesignEnv`.
    * `reward`: `"anytime"`, `"final"` or `"test"`.
    * `budget`: training cost of an episode, in units; or `(low, high)`, between which it is drawn
      log-uniformly at every reset. A unit is the cost of an episode of `DesignEnv` on small data at
      the reference size: 21 steps with 25 training batches each of the reference network, which is
      dense and has one hidden layer of 76 neurons. The budget must pay for the first step.
    * `given`: probability that an episode begins with a network, from 0 to 1.
    * `episode_steps`: number of steps that an episode has at most.
    * `network`: network that every episode starts with a copy of.

    ## Version History
    * v0: first version.
    """

    n_actions = len(BUDGET_ACTIONS)

    def __init__(
        self,
        dataset: Source | list[Source] = "digits",
        penalty: Range = 0.1,
        reward: str = "anytime",
        budget: Range = (0.05, 5.0),
        given: float = 0.5,
        episode_steps: int = 100,
        network: SparseNetwork | None = None,
        hyperparameters: Hyperparameters | Mapping[str, Any] = DEFAULT_HYPERPARAMETERS,
        saliency: actions.Saliency = edits.saliency,
        data_dir: str | PathLike[str] | None = None,
        render_mode: str | None = None,
    ):
        super().__init__(
            dataset, penalty, network, hyperparameters, saliency, data_dir, render_mode
        )
        check_choice("reward", reward, RETURNS)
        self.reward = reward
        self.budget_range = check_budget("budget", budget)
        self.given = check_number("given", given, low=0.0, high=1.0)
        self.episode_steps = check_count("episode_steps", episode_steps)
        for data in self.datasets:
            self._check_first_step(data)
        self.observation_space = gym.spaces.Box(-1, 1, (len(BUDGET_OBSERVATION_NAMES),), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start an episode; see the class.

        Args:
            seed: of everything random.
            options: `{"architecture": ...}` starts with a random network of that architecture,
                `(width, density)` of each hidden layer; `{"network": ...}` with a copy of that one.

        Raises:
            InputError: a value cannot be used, the starting network diverges, or the budget does
                not pay for a training batch of it.
        """
        architecture, start = self._wanted_start(options)
        dataset_index, data, penalty = self._drawn_task(seed)
        rng = self.np_random
        batches = Batches(data.train, rng, self.hyperparameters.batch_size)
        unit = unit_cost(data, batches.batch_size)
        budget = round(draw(self.budget_range, rng) * unit)
        nothing = constant_prediction(data, penalty)
        state = BudgetState(
            dataset=data,
            dataset_index=dataset_index,
            penalty=penalty,
            batches=batches,
            current=nothing,
            previous=nothing,
            legal=np.zeros(self.n_actions, bool),
            elapsed=0,
            action=actions.NO_OP,
            applied=True,
            diverged=False,
            best_score=nothing.score,
            budget=budget,
            unit=unit,
            first=counts_from(budget, data, batches.batch_size),
            spent=0,
            cost=0,
            best=nothing,
            best_at=0,
            best_spent=0,
            anytime=nothing.score,
            trained=0,
            over=False,
        )
        state = _settled(state)
        begins_with_one = rng.random() < self.given
        if architecture is not None:
            start = new_network(architecture, data.n_features, data.n_outputs, rng)
        if start is not None:
            state = self._given(state, start.copy())
        elif begins_with_one:
            state = self._given(state, *self._drawn_network(state))
        return self._outcome(state)

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        """Edit, train, evaluate; see the class.

        Raises:
            InputError: no episode is under way, or there is no such action.
        """
        before = self.state
        check_under_way(-1 if before.over else before.elapsed)
        number = check_action(action, self.n_actions)
        after = self._moved(
            replace(
                before,
                previous=before.current,
                elapsed=before.elapsed + 1,
                action=number,
                applied=bool(before.legal[number]),
                diverged=False,
                cost=0,
                trained=0,
            )
        )
        over = after.over or after.elapsed >= self.episode_steps
        observation, info = self._outcome(replace(after, over=over))
        if self.reward == "final":
            reward = after.best_score - before.best_score
        elif self.reward == "test":
            reward = _worth(before, after)
        else:
            reward = after.anytime - before.anytime
        return observation, float(reward), over, False, info

    def _moved(self, state: BudgetState) -> BudgetState:
        """The state after the action that was chosen."""
        chosen = state.last
        if chosen.edit is None and state.applied:
            return replace(state, over=True)
        if state.applied:
            network = self._edited(state, chosen)
            batches = 0 if network is None else self._batches(state, network)
            if network is not None and batches > 0:
                return self._trained(state, network, batches)
            state = replace(state, applied=False)
        if not state.started:
            return _settled(_charged(state, edit_cost(state.current.size)))
        # Nothing is changed; a copy, since training must not change the design before.
        network = state.current.network.copy()
        return self._trained(state, network, self._batches(state, network))

    def _edited(self, state: BudgetState, chosen: BudgetAction) -> SparseNetwork | None:
        """A network of its own after a legal edit; None if it cannot be carried out after all."""
        edit, data = chosen.edit, state.dataset
        if isinstance(edit, Start):
            inputs, outputs = data.n_features, data.n_outputs
            return new_network(edit.architecture, inputs, outputs, self.np_random)
        if isinstance(edit, Back):
            return state.best.network.copy()
        return self._edit(state.current, EDITS.index(edit))

    def _batches(self, state: BudgetState, network: SparseNetwork) -> int:
        """Training batches of a step, by its length and by what is left; 0 if that is too little.

        A step has at least `LEAST_BATCHES`, unless the rest of the budget pays for fewer.
        """
        before, after = state.current.size, size_of(network)
        task = before, after, state.dataset, state.batches.batch_size
        wanted = max(batches_of(state.last.share * state.spent, *task), LEAST_BATCHES)
        return max(min(wanted, batches_of(state.budget - state.spent, *task)), 0)

    def _trained(self, state: BudgetState, network: SparseNetwork, batches: int) -> BudgetState:
        """The state after a network was trained and evaluated."""
        data = state.dataset
        now = self._trained_and_judged(network, data, state.batches, batches, state.penalty)
        cost = step_cost(state.current.size, now.size, data, batches, state.batches.batch_size)
        state = replace(_charged(state, cost), trained=batches)
        if diverged(now):
            state = replace(state, applied=False, diverged=True)
        else:
            state = _improved(replace(state, current=now))
        return _settled(state)

    def _drawn_network(self, state: BudgetState) -> tuple[SparseNetwork, SparseNetwork]:
        """A random legal start, trained for a random number of batches at no cost; and untrained."""
        data, rng = state.dataset, self.np_random
        chosen = STARTS[int(rng.choice(np.flatnonzero(state.legal[STARTS_SLICE])))]
        untrained = new_network(chosen, data.n_features, data.n_outputs, rng)
        network = untrained.copy()
        order = state.batches.take(round(draw(GIVEN_BATCHES, rng)))
        train(network, data, order, self.hyperparameters)
        return network, untrained

    def _given(
        self, state: BudgetState, network: SparseNetwork, instead: SparseNetwork | None = None
    ) -> BudgetState:
        """The state in which an episode begins that has a network from the start.

        Args:
            state: the state without it.
            network: the network.
            instead: what to begin with if that diverges.
        """
        data = state.dataset
        budget, batch_size = state.budget / state.unit, state.batches.batch_size
        check_start_pays(budget, size_of(network), data, batch_size)
        training = evaluate(network, data, data.train[: probe_size(data)])
        validation = evaluate(network, data, data.validation)
        probe = sample_gradients(network, data, state.batches.draw(0, probe_size(data))[1])
        now = EvaluatedNetwork(network, probe, training, validation, state.penalty)
        if diverged(now):
            if instead is None:
                raise diverging_start(data)
            return self._given(state, instead)
        state = replace(state, current=now, previous=now)
        return _settled(replace(state, best=now, best_score=now.score, anytime=now.score))

    def _outcome(self, state: BudgetState) -> tuple[np.ndarray, dict[str, Any]]:
        """Make a state the present one; its observation and info."""
        self._enter(state)
        return observe_budget(state, self.episode_steps), cast(dict[str, Any], state.info())

    def _check_first_step(self, data: Dataset) -> None:
        """Raise `InputError` if the smallest budget does not pay for a beginning on a data set."""
        batch_size = self.hyperparameters.batch_size_for(data.train.size)
        if self.start is not None:
            check_start_pays(self.budget_range[0], size_of(self.start), data, batch_size)
            return
        check_pays(
            self.budget_range[0],
            unit_cost(data, batch_size),
            int(first_step_costs(data, batch_size).min()),
            f"the first step on data set '{data.name}'",
        )

    @property
    def state(self) -> BudgetState:
        """The present moment of the episode; see `LiveEnv.state`."""
        return cast(BudgetState, super().state)

    @property
    def evaluation_cost(self) -> int:
        """Multiply-adds of the last step, 0 after a reset; see `rlnas.envs.searchable`."""
        return self.state.cost


def _charged(state: BudgetState, cost: int) -> BudgetState:
    """The state after a cost was paid, or the rest of the budget."""
    cost = min(cost, state.budget - state.spent)
    return replace(state, cost=cost, spent=state.spent + cost)


def _improved(state: BudgetState) -> BudgetState:
    """The state after the present design was compared with the best."""
    now = state.current
    if now.score <= state.best_score:
        return state
    gained = (now.score - state.best_score) * share_left(state.spent, state.first, state.budget)
    return replace(
        state,
        best=now,
        best_score=now.score,
        best_at=state.elapsed,
        best_spent=state.spent,
        anytime=state.anytime + gained,
    )


def _worth(before: BudgetState, after: BudgetState) -> float:
    """What a step is paid by the test samples."""
    if after.best is before.best:
        return 0.0
    gained = score_on_test(after.best, after) - score_on_test(before.best, after)
    return gained * share_left(after.spent, after.first, after.budget)


def _settled(state: BudgetState) -> BudgetState:
    """The state with what is legal now; over if the rest of the budget pays for no batch."""
    left, size = state.budget - state.spent, state.current.size
    if not state.started:
        starts = _payable_starts(state)
        return replace(state, legal=starts, over=not starts.any())
    can_go_back = state.best.network.active_weights > 0 and state.best is not state.current
    legal = legal_edits(state.current.judgement.legal, can_go_back)
    if state.elapsed == 0:
        legal |= _payable_starts(state)  # in place of a network that was given
    over = left < step_cost(size, size, state.dataset, 1, state.batches.batch_size)
    return replace(state, legal=legal, over=over)


def _payable_starts(state: BudgetState) -> np.ndarray:
    """Bool `[len(BUDGET_ACTIONS)]`: which starts are legal."""
    data, left = state.dataset, state.budget - state.spent
    costs = first_step_costs(data, state.batches.batch_size)
    return legal_starts(data.n_features, data.n_outputs, costs <= min(left, state.first))

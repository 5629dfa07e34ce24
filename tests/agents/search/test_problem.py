"""What strategies work on: one budget for all environments, a history of all designs."""

from copy import deepcopy
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from rlnas.agents.policies.episode import random_policy
from rlnas.agents.policies.outcome import episode_score
from rlnas.agents.search.budgeted_env import BudgetedEnv, BudgetSpent, StartFromBest
from rlnas.agents.search.hill_climbing import hill_climbing
from rlnas.agents.search.history import SearchHistory
from rlnas.agents.search.problem import LIVE_GRID, Problem, search
from rlnas.agents.search.random_search import random_from_best, random_search
from rlnas.envs import live_env
from rlnas.envs.actions import ACTIONS, MAX_DEPTH, MAX_WIDTH, NO_OP
from rlnas.envs.design_env import DesignEnv
from rlnas.envs.searchable import metric_of
from rlnas.envs.tabular.actions import tabular_actions
from rlnas.envs.tabular.tabular_env import TabularEnv
from rlnas.nn.architecture import layers_of
from rlnas.nn.training import evaluate
from rlnas.scoring import reference_weights
from tests.core.reference import bits as network_bits, random_dataset
from tests.core.tables import SMALL_GRID, random_table
from tests.envs.helpers import TASK, bits, make

TABLE = random_table()
STEPS = 6
LARGE = random_dataset(np.random.default_rng(6), samples=24_000)
"""A task of which a quarter of an epoch is 28 batches, not the 25 of small ones."""

tabular = partial(TabularEnv, TABLE, episode_steps=STEPS)
family = partial(DesignEnv, [TASK, LARGE], episode_steps=2, width=8)
either = pytest.mark.parametrize("make", [make, tabular], ids=["live", "tabular"])
every = pytest.mark.parametrize("make", [make, family, tabular], ids=["live", "family", "tabular"])


def costs(history: SearchHistory) -> list[int]:
    """The cost of each evaluation."""
    return np.diff([each.cumulative_cost for each in history.evaluations], prepend=0).tolist()


class Counter:
    """What all environments of the process have spent, counted where it is spent."""

    def __init__(self) -> None:
        self.spent, self.evaluations = 0, 0

    def count(self, cost: int) -> None:
        self.spent += cost
        self.evaluations += 1


@pytest.fixture
def counter(monkeypatch) -> Counter:
    """Batches that networks are trained for, and look-ups: steps and resets of tables."""
    counter = Counter()
    right = live_env.try_network

    def trained(network: Any, data: Any, stream: Any, batches: int, *rest: Any) -> Any:
        counter.count(batches)
        return right(network, data, stream, batches, *rest)

    monkeypatch.setattr(live_env, "try_network", trained)
    for name in ("reset", "step"):
        original = getattr(TabularEnv, name)

        def looked_up(self: Any, *args: Any, original: Any = original, **settings: Any) -> Any:
            counter.count(1)
            return original(self, *args, **settings)

        monkeypatch.setattr(TabularEnv, name, looked_up)
    return counter


class Record:
    """Every outcome that environments have returned, and the design it was for."""

    def __init__(self) -> None:
        self.infos: list[dict[str, Any]] = []
        self.designs: list[Any] = []

    def add(self, info: dict[str, Any], env: Any) -> None:
        self.infos.append(info)
        env = env.unwrapped
        is_table = isinstance(env, TabularEnv)
        self.designs.append(env.architecture if is_table else network_bits(env.current_design))


def crowd(problem: Problem, rng: np.random.Generator, record: Record) -> list[BudgetedEnv]:
    """Use environments of a problem, new ones and copies, in no order until its budget is spent."""
    envs = [problem.env]
    under_way: list[bool] = [False]
    while True:
        k = int(rng.integers(len(envs)))
        env = envs[k]
        try:
            if not under_way[k] or rng.random() < 0.1:
                _, info = env.reset()
                under_way[k] = True
            else:
                legal = np.flatnonzero(env.action_masks())
                _, _, terminated, _, info = env.step(rng.choice(legal))
                under_way[k] = not terminated
        except BudgetSpent:
            return envs
        record.add(info, env)
        chance = rng.random()
        if chance < 0.1:
            envs.append(problem.make())
            under_way.append(False)
        elif chance < 0.3:
            envs.append(deepcopy(env))
            under_way.append(under_way[k])


# --- the budget ---


@every
@pytest.mark.parametrize("seed", range(3))
def test_evaluations_are_charged_in_every_environment_and_copy(make, seed, counter):
    problem = Problem(make, 100 if make is tabular else 400, seed)
    record = Record()
    envs = crowd(problem, np.random.default_rng(seed), record)
    history = problem.history
    assert len(envs) > 3
    assert history.spent == counter.spent
    assert len(history.scores) == counter.evaluations == len(record.infos)
    assert sum(costs(history)) == counter.spent
    assert problem.budget <= history.spent < problem.budget + max(costs(history))


def test_charge_is_cost_of_present_task(counter):
    problem = Problem(family, 2000, 0)
    search(random_search, problem)
    assert set(costs(problem.history)) == {25, 28}
    assert problem.history.spent == counter.spent


@pytest.mark.parametrize("budget", range(1, 13))
def test_budget_is_exceeded_by_less_than_one_evaluation(budget, counter):
    history = search(random_search, Problem(make, budget, 0))  # a step is 3 batches
    assert history.spent == counter.spent == -(-budget // 3) * 3
    exact = search(random_search, Problem(tabular, budget, 0))
    assert exact.spent == budget


@either
def test_refused_evaluation_costs_and_changes_nothing(make, counter):
    problem = Problem(make, 20, 0)
    envs = crowd(problem, np.random.default_rng(0), Record())
    spent, n, best = counter.spent, len(problem.history.scores), problem.history.best_score
    for env in [*envs, deepcopy(envs[0]), problem.make()]:
        with pytest.raises(BudgetSpent):
            env.reset()
        with pytest.raises(BudgetSpent):
            env.step(NO_OP)
    assert (counter.spent, problem.history.spent) == (spent, spent)
    assert (len(problem.history.scores), problem.history.best_score) == (n, best)


@every
def test_on_spent_receives_cost_of_every_evaluation(make):
    shown: list[int] = []
    problem = Problem(make, 100, 0, on_spent=shown.append)
    crowd(problem, np.random.default_rng(0), Record())
    assert shown == costs(problem.history)


@every
def test_making_and_copying_environments_is_free(make, counter):
    problem = Problem(make, 100, 0)
    problem.make(), deepcopy(problem.env), problem.make()
    assert (problem.history.spent, counter.spent) == (0, 0)


@either
def test_max_evaluations_is_number_within_budget(make):
    for budget in (3, 20, 62):
        problem = Problem(make, budget, 0)
        promised = problem.max_evaluations
        history = search(random_search, problem)
        assert promised == sum(each.cumulative_cost <= budget for each in history.evaluations)


# --- the history ---


@every
@pytest.mark.parametrize("seed", range(3))
def test_history_has_every_evaluation_in_order_and_best_design(make, seed):
    problem = Problem(make, 400, seed)
    record = Record()
    crowd(problem, np.random.default_rng(seed), record)
    history = problem.history
    assert history.scores == [info["score"] for info in record.infos]
    found = [(each.accuracy, each.weights) for each in history.evaluations]
    assert found == [(metric_of(info), info["active_weights"]) for info in record.infos]
    assert history.best_score == max(history.scores)
    expected = record.designs[history.scores.index(history.best_score)]
    best: Any = history.best
    assert (best if make is tabular else network_bits(best)) == expected


def test_first_of_equal_designs_stays_best():
    all_equal = replace(TABLE, val_correct=np.full_like(TABLE.val_correct, 20))
    problem = Problem(partial(TabularEnv, all_equal, penalty=0.0), 50, 0)
    record = Record()
    crowd(problem, np.random.default_rng(0), record)
    assert len(set(record.designs)) > 5
    assert problem.history.best == record.designs[0]


@pytest.mark.parametrize("strategy", [random_search, random_from_best, hill_climbing])
@pytest.mark.parametrize("penalty", [0.0, 0.1, 1.0])
def test_best_network_has_recorded_score_when_evaluated_again(strategy, penalty):
    """At the end of the search: nobody has trained on the network that was the best."""
    history = search(strategy, Problem(partial(make, penalty=penalty), 900, 0))
    best: Any = history.best
    accuracy = evaluate(best, TASK, TASK.validation).metric
    assert history.best_score == accuracy - penalty * best.active_weights / (76 * (6 + 3))
    assert reference_weights(6, 3) == 76 * (6 + 3)


@pytest.mark.parametrize("strategy", [random_search, random_from_best, hill_climbing])
@pytest.mark.parametrize("penalty", [0.0, 0.1, 1.0])
def test_best_architecture_has_recorded_score_when_looked_up_again(strategy, penalty):
    history = search(strategy, Problem(partial(tabular, penalty=penalty), 300, 0))
    best: Any = history.best
    record = TABLE.query(best)
    price = penalty * record.active_weights / TABLE.reference
    assert history.best_score == pytest.approx(record.val_accuracy - price, rel=1e-12)


# --- episodes from the best design ---


def test_start_from_best_trains_copy_of_best_network():
    problem, random_edits = Problem(make, 3000, 0), random_policy(0)
    env = StartFromBest(problem.make())
    assert env.reset(seed=1)[1]["score"] == make().reset(seed=1)[1]["score"]  # nothing was there
    episode_score(problem.env, random_edits)
    best: Any = problem.history.best
    before = network_bits(best)
    _, info = env.reset(seed=2)
    assert tuple(layers_of(info)["layer_sizes"]) == best.layer_sizes
    assert info["score"] == make(network=best).reset(seed=2)[1]["score"]
    episode_score(env, lambda _, mask: NO_OP)
    assert network_bits(best) == before


def test_start_from_best_resets_to_best_architecture():
    problem, random_edits = Problem(tabular, 500, 0), random_policy(0)
    env = StartFromBest(problem.make())
    for _ in range(5):
        episode_score(problem.env, random_edits)
        best = problem.history.best_score
        assert env.reset()[1]["score"] == best
        assert env.unwrapped.architecture == problem.history.best
        assert deepcopy(env).reset()[1]["score"] == best


# --- randomness ---


@every
def test_history_is_determined_by_seed(make):
    def run(seed: int) -> SearchHistory:
        problem = Problem(make, 400, seed)
        crowd(problem, np.random.default_rng(0), Record())
        return problem.history

    one, same, other = run(1), run(1), run(2)
    assert one.evaluations == same.evaluations
    assert one.scores != other.scores


@either
def test_starts_differ_between_environments_and_episodes(make):
    problem = Problem(partial(make, penalty=(0.1, 1.0)), 1000, 0)
    envs = [problem.env, problem.make(), problem.make()]
    starts = [env.reset()[0].tobytes() for env in envs for _ in range(3)]
    assert len(set(starts)) == len(starts)


@either
def test_episode_is_repeated_with_same_seed(make):
    problem = Problem(make, 1000, 0)
    env = problem.make()
    first, others = env.reset(seed=5), [env.reset() for _ in range(2)]
    assert bits(first) == bits(env.reset(seed=5)) == bits(problem.env.reset(seed=5))
    assert bits(first) not in [bits(other) for other in others]


@either
def test_copy_continues_like_original_without_changing_it(make):
    problem = Problem(make, 1000, 0)
    env, rng = problem.env, np.random.default_rng(0)
    before_the_first = deepcopy(env)
    assert bits(env.reset()) == bits(before_the_first.reset())
    for _ in range(STEPS):
        copy = deepcopy(env)
        action = rng.choice(np.flatnonzero(env.action_masks()))
        ours = bits(copy.step(action))
        for _ in range(2):  # elsewhere, meanwhile
            other = deepcopy(env)
            other.step(rng.choice(np.flatnonzero(other.action_masks())))
        copy.reset()
        assert bits(env.step(action)) == ours


# --- the problem ---


def test_attributes_describe_environments():
    live, table = Problem(make, 10, 0), Problem(tabular, 10, 0)
    assert (live.n_actions, live.episode_steps, live.tabular) == (len(ACTIONS), STEPS, False)
    assert table.n_actions == len(tabular_actions(SMALL_GRID))
    assert (table.episode_steps, table.tabular) == (STEPS, True)
    assert table.grid == SMALL_GRID
    assert live.grid == LIVE_GRID


def test_live_grid_is_within_limits_of_environment():
    assert LIVE_GRID.max_depth <= MAX_DEPTH
    assert LIVE_GRID.widths[-1] <= MAX_WIDTH


def test_make_passes_arguments_to_environment():
    problem = Problem(make, 10, 0)
    assert problem.make(reward="score").unwrapped.reward == "score"
    assert problem.env.unwrapped.reward == "difference"


@either
def test_play_asks_policy_for_action_at_every_step(make):
    problem = Problem(make, 1000, 0)
    rng, asked, taken = np.random.default_rng(0), [], []

    def choose(observation: np.ndarray, mask: np.ndarray) -> int:
        asked.append((observation, mask))
        taken.append(int(rng.choice(np.flatnonzero(mask))))
        return taken[-1]

    found = problem.play(choose, seed=3)
    env = make()
    observation, _ = env.reset(seed=3)
    for (seen, mask), action in zip(asked, taken, strict=True):
        assert bits((seen, mask)) == bits((observation, env.action_masks()))
        observation, _, over, _, info = env.step(action)
    assert over
    assert found == info["score"] == problem.history.scores[-1]
    assert len(problem.history.scores) == STEPS + 1


@either
@pytest.mark.parametrize("length", [0, 2, STEPS, STEPS + 3])
def test_play_sequence_takes_no_op_after_end_of_sequence(make, length):
    """Legal or not: an illegal action is as good as none."""
    problem = Problem(make, 1000, 0)
    actions = np.random.default_rng(1).integers(problem.n_actions, size=length).tolist()
    env = make()
    env.reset(seed=4)
    for action in [*actions, *[NO_OP] * STEPS][:STEPS]:
        *_, info = env.step(action)
    assert problem.play_sequence(actions, seed=4) == info["score"]
    assert problem.history.spent == (STEPS + 1) * problem.env.cost


def test_no_op_is_first_action_of_both_environments():
    assert ACTIONS[NO_OP].operation == "none"
    assert list(tabular_actions(SMALL_GRID))[NO_OP].operation == "none"


def test_evaluate_looks_up_architecture_once_in_table():
    problem = Problem(partial(tabular, penalty=0.3), 1000, 0)
    scores = [problem.evaluate(architecture) for architecture in SMALL_GRID.architectures]
    np.testing.assert_allclose(scores, TABLE.scores(0.3), rtol=1e-12)
    assert problem.history.spent == len(SMALL_GRID.architectures)
    assert problem.history.best == TABLE.optimum(0.3)[0]


def test_evaluate_trains_new_network_for_length_of_episode_when_live(counter):
    problem = Problem(make, 1000, 0)
    architecture = ((16, 0.5), (4, 1.0))
    found = problem.evaluate(architecture)
    assert counter.spent == problem.history.spent == (STEPS + 1) * 3
    env: Any = problem.env.unwrapped
    assert env.current_design.layer_sizes == (6, 16, 4, 3)
    assert env.current_design.steps == (STEPS + 1) * 3
    assert found == env.state.current.score
    before = network_bits(env.current_design)
    problem.evaluate(architecture)
    assert network_bits(env.current_design) != before  # another network of it


# --- the search ---


def test_search_ends_when_budget_is_spent():
    problem = Problem(tabular, 50, 0)
    assert search(random_search, problem) is problem.history
    assert problem.history.spent == 50


def test_search_raises_if_strategy_returns_early():
    with pytest.raises(RuntimeError, match="ended its search before its budget was spent"):
        search(lambda problem: None, Problem(tabular, 50, 0))


def test_search_propagates_errors_of_strategy():
    def broken(problem: Problem) -> None:
        problem.env.reset()
        raise KeyError("a bug")

    with pytest.raises(KeyError, match="a bug"):
        search(broken, Problem(tabular, 50, 0))

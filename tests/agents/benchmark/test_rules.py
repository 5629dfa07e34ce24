"""Rules, sequences and lists of designs: against episodes by hand and exhaustive search."""

from functools import partial
from itertools import product

import numpy as np
import pytest

from rlnas.agents.benchmark import Episode, play
from rlnas.agents.benchmark.rivals.cells import CellPlayer, nearest_of
from rlnas.agents.benchmark.rivals.lists import design, look_up_lists, prunings
from rlnas.agents.benchmark.rivals.looking_up import N_DESIGNS, LookUps, Outcome
from rlnas.agents.benchmark.rivals.rules import (
    Rule,
    RulePlayer,
    SequencePlayer,
)
from rlnas.agents.benchmark.rivals.searching_rules import (
    Cell,
    best_constant,
    best_pruning,
    best_sequence,
    best_threshold,
    greedy_designs,
    mutated,
)
from rlnas.envs.family.actions import BACK, EDITS, FAMILY_ACTIONS, N_START_ACTIONS, STOP
from rlnas.envs.family.family_env import FamilyEnv
from rlnas.family.space import ARCHITECTURES, DENSITIES, LENGTHS
from tests.agents.benchmark.conftest import TRAIN

EPISODES = [
    Episode(task, seed, penalty, budget)
    for task in TRAIN
    for seed in (0, 3)
    for penalty in (0.1, 1.0)
    for budget in (0.05, 0.4)
]


@pytest.fixture(scope="module")
def tables(family):
    return [family.table(name) for name in TRAIN]


@pytest.fixture(scope="module")
def cell(tables):
    episodes = [Episode(task, seed, 0.02, 0.6) for task in TRAIN for seed in range(3)]
    return Cell(tables, episodes, np.array([1.0, 2, 1, 1, 0.5, 1]))


def begun_env(family, episode: Episode) -> FamilyEnv:
    env = FamilyEnv(family)
    env.reset(
        options={
            "task": episode.task,
            "seed_of_results": episode.seed,
            "penalty": episode.penalty,
            "budget": episode.budget,
        }
    )
    return env


# --- look-ups ---


def test_looking_up_what_an_episode_trained_costs_and_gains_the_same_to_the_bit(family, tables):
    """Random episodes of the environment, replayed as look-ups of their architectures."""
    for seed, episode in enumerate(EPISODES):
        env, rng = begun_env(family, episode), np.random.default_rng(seed)
        runs, over = LookUps(tables, [episode]), False
        while not over:
            action = int(rng.choice(np.flatnonzero(env.action_masks()[:STOP])))
            before = env.state
            _, _, over, _, info = env.step(action)
            length = action % len(LENGTHS) if FAMILY_ACTIONS[action].kind != "longer" else -1
            length = before.length + 1 if length < 0 else length
            length = 0 if FAMILY_ACTIONS[action].kind == "back" else length
            number = env.state.architecture * len(LENGTHS) + length
            assert runs.payable(np.array([[number]])).all()
            assert runs.look_up(np.array([number])).all()
            outcome = runs.outcome
            assert outcome.spent[0] == info["spent"]
            assert outcome.anytime[0] == info["anytime"]
            assert runs.scores[0] == info["score"]
            assert runs.best[0] == env.state.best * len(LENGTHS) + env.state.best_length or (
                runs.best[0] == -1 == env.state.best
            )


def test_what_the_rest_does_not_pay_for_is_not_looked_up(tables):
    runs = LookUps(tables, [EPISODES[0]])
    large = design((128, 128, 128), 1.0, 3)
    assert runs.payable(np.array([[large, 0, -1]])).tolist() == [[False, True, False]]
    assert runs.payable(np.array([[0]]), 1e-6).tolist() == [[False]]
    assert not runs.look_up(np.array([large]))[0]
    assert runs.outcome.spent[0] == 0
    assert runs.look_up(np.array([0]))[0]
    assert not runs.look_up(np.array([-1]))[0]


def test_budget_and_look_ups_can_be_several_times_those_of_the_episode(tables):
    once, ten = (LookUps(tables, [EPISODES[0]], times) for times in (1, 10))
    counts = []
    for runs in (once, ten):
        done = [runs.look_up(np.array([number]))[0] for number in range(N_DESIGNS)]
        counts.append(sum(done))
        assert runs.outcome.spent[0] <= runs.states["budget"][0]
    assert counts[0] < counts[1] <= 480
    assert ten.states["budget"][0] == pytest.approx(10 * EPISODES[0].budget)


def test_rewards_are_what_each_look_up_would_pay(tables):
    weights = np.linspace(1, 2, len(EPISODES))
    runs = LookUps(tables, EPISODES)
    runs.look_up(np.full(runs.n, design((24,), 1.0, 1)))
    before = runs.outcome.anytime
    found = runs.rewards(weights)
    assert np.array_equal(runs.outcome.anytime, before)
    for number in (0, 3, design((24,), 1.0, 2), design((56, 4), 1 / 8, 2), N_DESIGNS - 1):
        again = LookUps(tables, EPISODES)
        again.look_up(np.full(again.n, design((24,), 1.0, 1)))
        again.look_up(np.full(again.n, number))
        assert found[number] == pytest.approx(weights @ (again.outcome.anytime - before), abs=1e-12)


# --- rules ---


def played_by_hand(family, episode: Episode, rule: Rule):
    env, went_back, over = begun_env(family, episode), False, False
    shorter = [rule.start - k for k in range(rule.start % len(LENGTHS) + 1)]
    legal = env.action_masks()
    action = next((each for each in shorter if legal[each]), int(legal.argmax()))
    actions, before = [], env.state.score
    while not over:
        actions.append(action)
        _, _, over, _, info = env.step(action)
        gain, legal = info["score"] - before, env.action_masks()
        if len(actions) == 1:
            gain = info["score"] - env.tables[env.state.task].nothing[0].astype(float)
        before = info["score"]
        first, second = (
            (rule.then, rule.otherwise) if gain > rule.threshold else (rule.otherwise, rule.then)
        )
        action = first if legal[first] else second if legal[second] else STOP
        if rule.back and gain < 0 and legal[BACK] and not went_back:
            action = BACK
        went_back = action == BACK and rule.back and gain < 0 and not went_back
    return actions, info["anytime"]


RULES = [
    Rule.constant(5, STOP),
    Rule.constant(47, N_START_ACTIONS + 4 * EDITS.index("sparser") + 1),
    Rule(13, 88, N_START_ACTIONS + 4 * EDITS.index("narrow hidden 1"), 0.01),
    Rule(31, N_START_ACTIONS + 4 * EDITS.index("add a layer") + 2, 88, 0.0, True),
    Rule(16, BACK, N_START_ACTIONS + 4 * EDITS.index("widen hidden 1") + 1, 0.05, True),
]


@pytest.mark.parametrize("rule", RULES)
def test_rules_do_what_they_say(family, tables, rule):
    played = play(tables, EPISODES, RulePlayer([rule] * len(EPISODES)))
    for place, episode in enumerate(EPISODES):
        actions, anytime = played_by_hand(family, episode, rule)
        assert played.actions[place] == actions
        assert played.anytime[place] == anytime


def test_sequence_passes_over_what_is_illegal_and_then_stops(family, tables):
    narrow = N_START_ACTIONS + 4 * EDITS.index("narrow hidden 3")  # there is no third layer
    denser = N_START_ACTIONS + 4 * EDITS.index("denser")  # it is dense
    sparser = N_START_ACTIONS + 4 * EDITS.index("sparser")
    sequence = [narrow, 16, denser, narrow, sparser, denser + 1]
    played = play(tables, EPISODES, SequencePlayer([sequence] * len(EPISODES)))
    for episode, actions in zip(EPISODES, played.actions, strict=True):
        if episode.budget > 0.1:
            assert actions == [16, sparser, denser + 1, STOP]
    mixed = play(tables, EPISODES[:2], SequencePlayer([[0, 1], [2]]))
    assert mixed.actions == [[0, 1, STOP], [2, STOP]]


def test_each_episode_takes_what_was_chosen_for_the_nearest_price(tables):
    prices = [(0.1, 0.05), (0.1, 0.4), (1.0, 0.05), (1.0, 0.4)]
    player = CellPlayer(prices, [[0], [1], [2], [4]], SequencePlayer)
    for _ in range(2):  # it begins anew
        played = play(tables, EPISODES, player)
        for episode, actions in zip(EPISODES, played.actions, strict=True):
            wanted = [0, 1, 2, 4][prices.index((episode.penalty, episode.budget))]
            assert actions == [wanted, STOP]
    found = nearest_of(prices, np.array([0.2, 5.0, 0.0]), np.array([0.3, 0.01, 0.1]))
    assert found.tolist() == [1, 2, 0]


# --- lists ---


def test_lists_are_look_ups_in_order(tables):
    lists = [[0, 1540, 5, 9], [7], []] * 6
    found = look_up_lists(tables, EPISODES, lists[: len(EPISODES)])
    for place, episode in enumerate(EPISODES):
        runs = LookUps(tables, [episode])
        done = [number for number in lists[place] if runs.look_up(np.array([number]))[0]]
        for ours, theirs in zip(Outcome.of(found), runs.outcome, strict=True):
            assert ours[place] == theirs[0]
        assert found.actions[place] == done


def test_prunings_are_seven_densities_of_a_dense_network():
    every = prunings()
    assert len(set(every)) == len(every) == 55 * len(LENGTHS)
    for designs in every:
        shapes = [ARCHITECTURES[number // len(LENGTHS)] for number in designs]
        assert [shape[0][1] for shape in shapes] == sorted(DENSITIES, reverse=True)
        assert len({tuple(width for width, _ in shape) for shape in shapes}) == 1
        assert len({number % len(LENGTHS) for number in designs}) == 1


# --- what is chosen ---


def value_of_list(cell, designs) -> float:
    """What looking up a list of designs is worth."""
    lists = [designs] * len(cell.episodes)
    return float(look_up_lists(cell.tables, cell.episodes, lists).anytime @ cell.weights)


def value_of(cell: Cell, player) -> float:
    return float(play(cell.tables, list(cell.episodes), player).anytime @ cell.weights)


def test_values_of_candidates_are_those_of_playing_each(cell):
    values = cell.values(RULES, RulePlayer)
    for rule, value in zip(RULES, values, strict=True):
        assert value == pytest.approx(value_of(cell, RulePlayer([rule] * len(cell.episodes))))


def test_best_constant_rule_is_that_of_exhaustive_search(cell):
    """With few episodes nothing is screened out."""
    rule = best_constant(cell)
    best = -np.inf
    for start, action in product(
        range(N_START_ACTIONS), range(N_START_ACTIONS, len(FAMILY_ACTIONS))
    ):
        player = RulePlayer([Rule.constant(start, action)] * len(cell.episodes))
        best = max(best, value_of(cell, player))
    assert value_of(cell, RulePlayer([rule] * len(cell.episodes))) == pytest.approx(best)


def test_threshold_rule_is_at_least_as_good_and_no_change_of_one_field_is_better(cell):
    first = best_constant(cell)
    rule = best_threshold(cell, first, np.random.default_rng(0), n_random=50)

    def of(each):
        return value_of(cell, RulePlayer([each] * len(cell.episodes)))

    assert of(rule) >= of(first)
    for field, values in {"threshold": (0.0, 0.01, 0.05), "back": (True, False)}.items():
        assert all(of(rule._replace(**{field: value})) <= of(rule) for value in values)


def test_sequence_begins_with_the_best_action_and_mutation_does_not_harm(cell):

    def of(each):
        return value_of(cell, SequencePlayer([each] * len(cell.episodes)))

    greedy = best_sequence(cell, np.random.default_rng(0), rounds=0)
    assert of(greedy[:1]) == max(of((action,)) for action in range(STOP))
    assert best_sequence(cell, np.random.default_rng(0), rounds=0) == greedy
    mutated_ = best_sequence(cell, np.random.default_rng(0), rounds=3, mutants=10)
    assert of(mutated_) >= of(greedy) > 0


def test_mutants_differ_by_one_action():
    rng, sequence = np.random.default_rng(0), (5, 6, 7)
    lengths = set()
    for _ in range(200):
        mutant = mutated(sequence, rng)
        lengths.add(len(mutant))
        assert len(set(sequence) - set(mutant)) <= 1
    assert lengths == {2, 3, 4}
    assert len(mutated((), rng)) == 1


def test_first_of_the_greedy_designs_is_the_best_single_one(cell):
    found = greedy_designs(cell, 3)
    of = partial(value_of_list, cell)
    assert of(found[:1]) == pytest.approx(max(of((number,)) for number in range(N_DESIGNS)))
    second = max(of((found[0], number)) for number in range(N_DESIGNS))
    assert of(found[:2]) == pytest.approx(second)


def test_pruning_is_the_best_of_all(cell):
    of = partial(value_of_list, cell)
    assert of(best_pruning(cell)) == max(map(of, prunings()))

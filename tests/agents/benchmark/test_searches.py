"""Searches for each task anew: what they look up, what they may spend, what they find."""

import numpy as np
import optuna
import pytest

from rlnas.agents.benchmark import Episode
from rlnas.agents.benchmark.rivals.looking_up import N_DESIGNS, LookUps, Outcome
from rlnas.agents.benchmark.rivals.searches import (
    SEARCHES,
    hill_climbing,
    neighbours,
    random_search,
    regularised_evolution,
    search,
    tpe,
)
from rlnas.envs.family.actions import EDITS, edited
from rlnas.envs.family.dynamics import EPISODE_STEPS
from rlnas.family.space import ARCHITECTURES, LENGTHS
from tests.agents.benchmark.conftest import TRAIN

EPISODES = [
    Episode(task, seed, 1e-4, budget)
    for task in TRAIN
    for seed in (0, 1, 4)
    for budget in (0.1, 0.4)
]


@pytest.fixture(scope="module")
def tables(family):
    return [family.table(name) for name in TRAIN]


class Recorded(LookUps):
    """Look-ups that remember what was looked up, and what each score was."""

    def look_up(self, designs):
        done = super().look_up(designs)
        history = self.__dict__.setdefault("history", [[] for _ in range(self.n)])
        for episode in np.flatnonzero(done).tolist():
            history[episode].append((int(designs[episode]), float(self.scores[episode])))
        return done


def recorded(tables, how, times=1, seed=0):
    runs = Recorded(tables, EPISODES, times)
    how(runs, np.random.default_rng(seed))
    return runs


@pytest.mark.parametrize("name", SEARCHES)
def test_searches_keep_to_the_budget_and_depend_on_the_seed_alone(tables, name):
    runs = recorded(tables, SEARCHES[name])
    assert (runs.outcome.spent <= [each.budget for each in EPISODES]).all()
    assert max(map(len, runs.history)) <= EPISODE_STEPS
    assert min(map(len, runs.history)) >= 1
    assert (runs.states["best_score"] >= [max(s for _, s in each) for each in runs.history]).all()
    again, other = (search(tables, EPISODES, SEARCHES[name], seed=seed) for seed in (0, 1))
    for ours, theirs in zip(Outcome.of(again), runs.outcome, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert not np.array_equal(other.spent, again.spent)


@pytest.mark.parametrize("how", [random_search, hill_climbing, regularised_evolution])
def test_nothing_is_trained_twice(tables, how):
    for history in recorded(tables, how, times=10).history:
        longest: dict[int, int] = {}
        for design, _ in history:
            architecture, length = divmod(design, len(LENGTHS))
            assert length > longest.get(architecture, -1)
            longest[architecture] = length


@pytest.mark.parametrize("how", [random_search, hill_climbing, regularised_evolution])
def test_a_larger_budget_finds_more(tables, how):
    scores = [recorded(tables, how, times).states["best_score"].mean() for times in (1, 10)]
    assert scores[1] > scores[0]


def test_neighbours_are_edits_and_lengths():
    for number in (0, 3, 5, 700, N_DESIGNS - 1):
        architecture, length = divmod(number, len(LENGTHS))
        after = [edited(ARCHITECTURES[architecture], edit) for edit in EDITS]
        wanted = {
            ARCHITECTURES.index(each) * len(LENGTHS) + length for each in after if each is not None
        }
        wanted |= {number + step for step in (-1, 1) if 0 <= length + step < len(LENGTHS)}
        assert set(neighbours()[number].tolist()) - {-1} == wanted


def test_hill_climbing_ends_where_no_neighbour_is_better(tables):
    """With a budget for everything."""
    runs = recorded(tables, hill_climbing, times=10_000)
    for episode in range(runs.n):
        scores = dict(runs.history[episode])
        top = max(scores, key=lambda design: scores[design])
        longer = top - top % len(LENGTHS) + np.arange(top % len(LENGTHS) + 1, len(LENGTHS))
        around = set(neighbours()[top].tolist()) - {-1}
        tried = [each for each in around if each in scores]
        assert all(scores[each] <= scores[top] for each in tried)
        for each in around - set(tried):  # passed over: its architecture was trained for longer
            architecture = each // len(LENGTHS)
            assert any(design // len(LENGTHS) == architecture for design in scores)
        assert longer.size < len(LENGTHS)


def test_evolution_begins_cheap_and_children_are_neighbours_of_the_living(tables):
    population = 6
    runs = Recorded(tables, EPISODES, 10)
    regularised_evolution(runs, np.random.default_rng(0), population, 3)
    fresh = LookUps(tables, EPISODES, 10)
    kin = strangers = 0
    for episode, history in enumerate(runs.history):
        designs = [design for design, _ in history]
        first = np.full((runs.n, 1), designs[0])
        assert fresh.payable(first, 0.05)[episode, 0] or designs[0] == 0
        for place in range(population, len(designs)):
            living = designs[place - population : place]
            around = {each for parent in living for each in neighbours()[parent].tolist()}
            kin += designs[place] in around
            strangers += designs[place] not in around
    assert kin > 10 * strangers


def test_tpe_asks_and_tells_a_study_of_optuna(tables):
    runs = Recorded(tables, EPISODES[:1])
    tpe(runs, np.random.default_rng(7))
    seed = int(np.random.default_rng(7).integers(2**31))
    by_hand = LookUps(tables, EPISODES[:1])
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    found, refused = [], 0
    while refused < 10:
        trial = study.ask()
        depth = trial.suggest_int("depth", 0, 3)
        widths = [trial.suggest_int(f"width_{k}", 0, 4) for k in (1, 2, 3)]
        density = 2.0 ** (trial.suggest_int("density", 0, 6) - 6)
        length = trial.suggest_int("length", 0, 3)
        names = (4, 10, 24, 56, 128)
        shape = tuple((names[w], density) for w in sorted(widths[:depth], reverse=True))
        design = ARCHITECTURES.index(shape) * len(LENGTHS) + length
        if by_hand.look_up(np.array([design]))[0]:
            study.tell(trial, float(by_hand.scores[0]))
            found.append(design)
            refused = 0
        else:
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            refused += 1
    assert [design for design, _ in runs.history[0]] == found

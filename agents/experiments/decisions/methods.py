"""What plays episodes with a budget: policies, rules, portfolios of rules, searches, chance."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from rlnas.agents.experiments.decisions.judging import (
    Played,
    go_on,
    judged,
    one_after_the_other,
    play,
)
from rlnas.agents.experiments.decisions.rules import Rule
from rlnas.agents.experiments.decisions.sequences import Plan, Sample, actions_of, search
from rlnas.agents.policies.episode import random_policy
from rlnas.agents.policies.layouts import BUDGET
from rlnas.agents.policies.policy import (
    Policy,
    fingerprint,
    layout_of_policy,
    load_policy,
)
from rlnas.envs.budget.actions import BUDGET_ACTIONS, BudgetAction
from rlnas.envs.budget.costs import first_step_costs, step_cost
from rlnas.envs.budget.design_env import BudgetDesignEnv
from rlnas.errors import InputError

Group = tuple[float, bool]
"""Episodes for which a rule is chosen: their budget, and whether they begin with a network."""


SWITCHED_OFF: dict[str, Callable[[BudgetAction], bool]] = {
    "adding": lambda action: action.operation.startswith("add"),
    "removing": lambda action: action.operation.startswith("remove"),
    "choosing how long": lambda action: action.length in ("short", "long"),
}
"""Actions that a policy may be kept from; there is always another one, to train alone."""


class Method(NamedTuple):
    """What plays episodes.

    Attributes:
        key: What tells it from all others, as a JSON value.
        play: Plays the episode that an environment of one data set has with a seed.
    """

    key: Any
    play: Callable[[BudgetDesignEnv, int], Played]


def learned(run: Path, without: str | None = None) -> Method:
    """The policy in a run folder; it takes the most probable action.

    Args:
        run: The folder.
        without: What it may not do, one of `SWITCHED_OFF`.

    Raises:
        InputError: There is no policy, or it was trained in other episodes.
    """
    found = layout_of_policy(run)
    if found != BUDGET:
        raise InputError(
            f"the policy in {run} was trained in {found.episodes}: expected one of `rlnas train "
            "--budget`"
        )
    allowed = np.ones(len(BUDGET_ACTIONS), bool)
    if without is not None:
        allowed = np.array([not SWITCHED_OFF[without](action) for action in BUDGET_ACTIONS])

    def policy(observation: np.ndarray, mask: np.ndarray) -> int:
        return _policy(run)(observation, mask & allowed)

    key = {"policy": fingerprint(run), "without": without}
    return Method(key, lambda env, seed: play(env, policy, seed))


def always(rule: Rule) -> Method:
    """One rule."""
    return Method({"rule": str(rule)}, lambda env, seed: play(env, rule.policy(), seed))


def ruled(rules: Mapping[Group, Rule]) -> Method:
    """A rule for each group of episodes."""
    key = {"rules": _texts({group: [rule] for group, rule in rules.items()})}
    return Method(key, lambda env, seed: play(env, rules[group_of(env, seed)].policy(), seed))


def fixed(sequences: Mapping[Group, tuple[Sequence[int], bool]]) -> Method:
    """A fixed sequence of actions for each group of episodes; see `Plan`."""
    key = [[*group, [*map(int, actions)], anew] for group, (actions, anew) in sequences.items()]
    return Method(
        {"sequences": key},
        lambda env, seed: play(env, Plan(*sequences[group_of(env, seed)]), seed),
    )


def part(rule: Rule, size: int) -> Method:
    """One rule of a portfolio of some size, alone, with its part of the budget."""
    return Method(
        {"rule": str(rule), "part": size},
        lambda env, seed: _parts(env, seed, [rule], size)[0],
    )


def portfolio(rules: Mapping[Group, Sequence[Rule]]) -> Method:
    """The rules of a group one after the other, each with an equal part of the budget.

    Each begins with what the episode begins with; the best design of all counts. If so many parts
    do not pay for a first step, the last rules are left out.
    """

    def play_all(env: BudgetDesignEnv, seed: int) -> Played:
        some = rules[group_of(env, seed)]
        episodes = _parts(env, seed, some, len(some))
        return one_after_the_other(episodes, env.state.first, env.state.budget)

    return Method({"portfolio": _texts(rules)}, play_all)


def searched(
    episodes: int, rules: Mapping[Group, Sequence[Rule]], by: Literal["anytime", "end"]
) -> Method:
    """The best of many episodes on the validation samples, all with the seed of the one.

    The rules of the group are played first, then sequences that vary the best ones.

    Args:
        episodes: Number of episodes that are played, each with the whole budget.
        rules: Rules to begin with, the best first.
        by: What episodes are compared by.
    """

    def value(played: Played) -> float:
        found: float = getattr(judged(played), by)
        return found

    def play_all(env: BudgetDesignEnv, seed: int) -> Played:
        some = rules[group_of(env, seed)][:episodes]
        given = env.state.started
        samples = []
        for rule in some:
            played = play(env, rule.policy(), seed)
            start = actions_of(rule)[:1] if given and not rule.anew else ()
            samples.append(Sample((*start, *played.actions), rule.anew, played))
        rng = np.random.default_rng(seed)
        found = search(env, seed, samples, rng, episodes - len(samples), value)
        return max((sample.played for sample in found), key=value)

    return Method({"search": episodes, "rules": _texts(rules), "by": by}, play_all)


def chance(number: int) -> Method:
    """Random legal actions.

    Args:
        number: Others draw other actions.
    """
    return Method(
        {"chance": number}, lambda env, seed: play(env, random_policy(seed + number), seed)
    )


def group_of(env: BudgetDesignEnv, seed: int) -> Group:
    """The group of an episode; the environment begins it."""
    env.reset(seed=seed)
    return env.budget_range[0], env.state.started


def _texts(rules: Mapping[Group, Sequence[Rule]]) -> list[list[Any]]:
    """Rules of groups as a JSON value."""
    return [[*group, *map(str, some)] for group, some in rules.items()]


@lru_cache(maxsize=1)
def _policy(run: Path) -> Policy:
    return load_policy(run)


def _parts(env: BudgetDesignEnv, seed: int, rules: Sequence[Rule], size: int) -> list[Played]:
    """Episodes of rules, each with one of so many equal parts of the budget, or of fewer."""
    budget, _ = group_of(env, seed)
    state = env.state
    parts = max(1, min(size, state.budget // _least(env)))
    options = {"network": state.current.network.copy()} if state.started else None
    alone = BudgetDesignEnv(state.dataset, state.penalty, budget=budget / parts, given=0.0)
    episodes = []
    for number, rule in enumerate(rules[:parts]):
        observation, _ = alone.reset(seed=seed + number, options=options)
        episodes.append(go_on(alone, rule.policy(), observation))
    return episodes


def _least(env: BudgetDesignEnv) -> int:
    """Multiply-adds that an episode that begins like the present one must pay for."""
    state = env.state
    data, batch_size = state.dataset, state.batches.batch_size
    least = int(first_step_costs(data, batch_size).min())
    if not state.started:
        return least
    size = state.current.size
    return max(least, step_cost(size, size, data, 1, batch_size))

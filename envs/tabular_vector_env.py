"""`TabularVectorEnv`: many tabular environments, all moved by one compiled call a step."""

from pathlib import Path
from typing import Any, Literal

import numpy as np
from gymnasium.spaces import Box, Discrete
from gymnasium.utils import seeding
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

from rlnas.envs import tabular_rules
from rlnas.envs.arguments import (
    Range,
    check_actions,
    check_autoreset_mode,
    check_count,
    check_over,
    check_reset_mask,
    spread_seed,
)
from rlnas.envs.tabular_env import TabularEnv, make_settings, rules_of, start_elsewhere
from rlnas.envs.tabular_rules import ELAPSED, NUMBER, REPORT
from rlnas.errors import InputError
from rlnas.grid import Architecture
from rlnas.table import Table


class TabularVectorEnv(VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """As many `TabularEnv` as you like, element for element equal to stepping them one by one.

    Made by `gymnasium.make_vec(id, num_envs, vectorization_mode="vector_entry_point", ...)`.

    Args:
        num_envs: how many.
        table: as of `TabularEnv`, and so the following.
        penalty: see there.
        reward: see there.
        episode_steps: see there.
        epochs: see there.
        noisy: see there.
        start: see there.
        render_mode: see there; `render` gives one for each environment.
        autoreset_mode: what happens after an episode's end, an `AutoresetMode` or its value:
            "NextStep" resets in the next step, whose action is ignored and whose reward is 0;
            "SameStep" resets at once, the last observation and info are `infos["final_obs"]` and
            `infos["final_info"]`; "Disabled" leaves it to `reset(options={"reset_mask": ...})`.
        max_episode_steps: truncates episodes, as the wrapper `TimeLimit` does.

    Raises:
        InputError: a value cannot be used.
    """

    def __init__(
        self,
        num_envs: int = 1,
        table: str | Path | Table = "digits",
        penalty: Range = 0.1,
        reward: str = "difference",
        episode_steps: int = 20,
        epochs: int | None = None,
        noisy: bool = False,
        start: Architecture | Literal["random"] | None = None,
        render_mode: str | None = None,
        autoreset_mode: str | AutoresetMode = AutoresetMode.NEXT_STEP,
        max_episode_steps: int | None = None,
    ):
        check_count("num_envs", num_envs)
        self.mode = check_autoreset_mode(autoreset_mode)
        self.metadata = {**TabularEnv.metadata, "autoreset_mode": self.mode}
        self.num_envs = num_envs
        self.table = table if isinstance(table, Table) else Table.load(table)
        self.rules = rules_of(self.table, epochs)
        self.settings = make_settings(self.table, penalty, reward, episode_steps, noisy, start)
        # One environment of its own, to check the rest and to render the others with.
        self._single = TabularEnv(self.table, epochs=epochs, render_mode=render_mode)
        self.render_mode = render_mode
        self.max_episode_steps = max_episode_steps
        self.single_action_space: Discrete = self._single.action_space  # type: ignore[assignment]
        self.single_observation_space: Box = self._single.observation_space  # type: ignore[assignment]
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self._record = self.settings.record
        names = len(tabular_rules.observation_names(self.table.grid))
        self._everywhere = np.ones(num_envs, bool)
        self._over = np.ones(num_envs, bool)
        self._rngs: list[np.random.Generator] = []
        self._luck = np.zeros((num_envs, self.settings.luck_size))
        self._places = np.full((num_envs, 3), -1)
        self._report = np.zeros((num_envs, len(REPORT)))
        self._observations = np.zeros((num_envs, names), np.float32)
        self._rewards, self._applied = np.zeros(num_envs), np.ones(num_envs, bool)

    @property
    def architectures(self) -> list[Architecture]:
        """`(width, density)` of each hidden layer, now, for every environment."""
        return [self.table.grid.architectures[number] for number in self._places[:, NUMBER]]

    def reset(
        self,
        *,
        seed: int | list[int | None] | None = None,
        options: dict[str, Any] | None = None,
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Start episodes.

        Args:
            seed: of the first environment, the next ones have the following; or one for each.
            options: `"reset_mask"`, bool `[num_envs]`: where; the others go on. And those of
                `TabularEnv.reset`.

        Returns:
            Observations and infos.
        """
        options = dict(options or {})
        which = self._everywhere
        if "reset_mask" in options:
            which = check_reset_mask(options.pop("reset_mask"), self.num_envs)
            if self._places[0, NUMBER] < 0 and not which.all():
                raise InputError("no episode is under way: reset all environments first")
        settings = start_elsewhere(self.settings, self.table, options)
        self._seed(spread_seed(seed, self.num_envs), which)
        self._begin(which, settings)
        return self._observations.copy(), self._infos(which)

    def step(
        self, actions: Any
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Change all architectures and look their results up.

        Args:
            actions: integers `[num_envs]`.

        Returns:
            Observations, rewards, terminations, truncations, infos.

        Raises:
            InputError: an action is out of range, or an episode is over in mode "Disabled".
        """
        actions = check_actions(actions, self.num_envs, len(self.rules.operations))
        before = self._over
        if self._places[0, NUMBER] < 0:
            raise InputError("no episode is under way: call reset() before step()")
        check_over(self.mode, before)
        late = before.any()
        moving = ~before if late else self._everywhere
        rules = self.rules
        tabular_rules.advance(
            rules.successors,
            rules.operations,
            rules.values,
            rules.features,
            self._record,
            actions,
            moving,
            self._luck,
            self._places,
            self._report,
            self._observations,
            self._rewards,
            self._applied,
        )
        if late:
            self._begin(before, self.settings)
            self._rewards[before] = 0
        elapsed = self._places[:, ELAPSED]
        terminated = elapsed >= self.settings.episode_steps
        truncated = np.zeros(self.num_envs, bool)
        if self.max_episode_steps is not None:
            truncated = elapsed >= self.max_episode_steps
        over = terminated | truncated
        rewards = self._rewards.copy()
        final: dict[str, Any] = {}
        if self.mode is AutoresetMode.SAME_STEP and over.any():
            final = self._final(over)
            self._begin(over, self.settings)
            over = np.zeros(self.num_envs, bool)
        self._over = over
        infos = self._infos(self._everywhere) | final
        return self._observations.copy(), rewards, terminated, truncated, infos

    def action_masks(self) -> np.ndarray:
        """Bool `[num_envs, actions]`: which actions are legal now."""
        return self.rules.legal[self._places[:, NUMBER]].astype(bool)

    def render(self) -> tuple[Any, ...] | None:
        """One rendering for each environment, by `render_mode`."""
        if self.render_mode is None:
            return None
        return tuple(
            self._single.render_place(int(number), report)
            for number, report in zip(self._places[:, NUMBER], self._report, strict=True)
        )

    def _seed(self, seeds: list[int | None], which: np.ndarray) -> None:
        """Give environments a new generator, as resetting them one by one would."""
        if not self.settings.random:
            return
        if not self._rngs:
            self._rngs = [seeding.np_random(seed)[0] for seed in seeds]
            return
        for env in np.flatnonzero(which):
            if seeds[env] is not None:
                self._rngs[env] = seeding.np_random(seeds[env])[0]

    def _begin(self, which: np.ndarray, settings: tabular_rules.Settings) -> None:
        if self._rngs:
            for env in np.flatnonzero(which):
                self._luck[env] = self._rngs[env].random(settings.luck_size)
        tabular_rules.begin(
            self.rules.values,
            self.rules.features,
            self.rules.front,
            settings.record,
            which,
            self._luck,
            self._places,
            self._report,
            self._observations,
        )
        self._applied[which] = True
        self._over = self._over & ~which

    def _infos(self, which: np.ndarray) -> dict[str, Any]:
        """One array for each entry of the infos, zero where `which` is not; and masks."""
        report, numbers = self._report.copy(), self._places[:, NUMBER].copy()
        applied, legal = self._applied.copy(), self.rules.legal.take(numbers, axis=0)
        if which is not self._everywhere:
            elsewhere = ~which
            for array in (report, numbers, applied, legal):
                array[elsewhere] = 0
        entries = dict(zip(REPORT, report.T, strict=True))
        entries |= {"architecture": numbers, "applied": applied, "action_mask": legal}
        known = which.copy()
        return entries | {f"_{name}": known for name in entries}

    def _final(self, over: np.ndarray) -> dict[str, Any]:
        """Last observations and infos of episodes that end in this step."""
        observations = np.full(self.num_envs, None, dtype=object)
        for env in np.flatnonzero(over):
            observations[env] = self._observations[env].copy()
        return {
            "final_obs": observations,
            "_final_obs": over.copy(),
            "final_info": self._infos(over),
            "_final_info": over.copy(),
        }

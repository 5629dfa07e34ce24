"""What a training run reports: scalars and pictures for TensorBoard, all designs, progress."""

import time
from collections import Counter, deque
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Figure

from rlnas import network_views, plots
from rlnas.agents.policies.episode import worth
from rlnas.agents.policies.outcome import MEASURES, judged_by
from rlnas.agents.training.best_design import BestDesign
from rlnas.agents.training.state import Section, check_empty, split
from rlnas.agents.training.watching import tags
from rlnas.designs.database import DesignDatabase, DesignRecord
from rlnas.envs.actions import OPERATIONS
from rlnas.envs.budget.actions import BUDGET_ACTIONS, BUDGET_OPERATIONS, LENGTHS
from rlnas.envs.episode import Design
from rlnas.files.typed import whole
from rlnas.nn.architecture import layers_of
from rlnas.objective import shown_metric
from rlnas.progress import progress

PICTURES = 10
"""Pictures of each kind in a run, about as many as TensorBoard keeps: the first update, and then
evenly over the training. Each takes as long as a hundred steps."""

POINTS = 2_000
"""Designs in a picture, at most: more are not told apart, and take long to draw."""


class DesignLog(BaseCallback):
    """Scalars and pictures about the designs, under the names of `rlnas.agents.training.watching`.

    Args:
        best: tracks the best design; comes before this one in a list of callbacks.
        archive: database of the designs; at the end of a rollout it has those of the rollout.
        budget: whether the episodes have a budget.
    """

    def __init__(self, best: BestDesign, archive: DesignDatabase, budget: bool = False):
        super().__init__()
        self.best = best
        self.archive = archive
        self.budget = budget
        self.operations: Counter[str] = Counter()
        self.lengths: Counter[str] = Counter()
        self.diverged = 0
        self.started = 0.0
        self.next_picture = 0  # timestep

    def state_dict(self) -> Section:
        """The timestep at which the next pictures are due."""
        return {"next_picture": self.next_picture}

    def load_state_dict(self, state: Section) -> None:
        """Continue with the pictures.

        Raises:
            Damaged: it is no timestep.
        """
        arrays, (next_picture,) = split(state, "next_picture")
        check_empty(arrays)
        self.next_picture = whole(next_picture)

    def _on_rollout_start(self) -> None:
        self.started = time.perf_counter()

    def _on_step(self) -> bool:
        for info, done in zip(self.locals["infos"], self.locals["dones"], strict=True):
            self.operations[info["operation"] if info["applied"] else "refused"] += 1
            self.diverged += info["diverged"]
            if done:
                self._record_design(info)
        if self.budget:
            self.lengths.update(BUDGET_ACTIONS[each].length for each in self.locals["actions"])
        return True

    def _record_design(self, info: dict[str, Any]) -> None:
        mean = self.logger.record_mean
        mean(tags.FINAL, info["score"])
        mean(tags.METRIC, info["val_metric"])
        mean(tags.WEIGHTS, info["active_weights"])
        *hidden, output = layers_of(info)["layer_densities"]
        mean(tags.DEPTH, len(hidden))
        mean(tags.DENSITY, info["density"])
        for k, density in enumerate(hidden):
            mean(f"{tags.HIDDEN_DENSITY}{k + 1}", density)
        mean(tags.OUTPUT_DENSITY, output)
        if self.budget:
            mean(tags.ANYTIME, info["anytime"])
            mean(tags.BEST_OF_EPISODE, info["best_score"])
            mean(tags.SPENT, info["spent"])
            mean(tags.SPENT_SHARE, info["spent"] / info["budget"])

    def _on_rollout_end(self) -> None:
        steps = sum(self.operations.values())
        seconds = time.perf_counter() - self.started
        self.logger.record(tags.SPEED, steps / seconds)
        for operation in (*(BUDGET_OPERATIONS if self.budget else OPERATIONS), "refused"):
            self.logger.record(f"{tags.ACTIONS}{operation}", self.operations[operation] / steps)
        for length in LENGTHS if self.budget else ():
            self.logger.record(f"{tags.LENGTHS}{length}", self.lengths[length] / steps)
        self.logger.record(tags.DIVERGED, self.diverged / steps)
        self.operations.clear()
        self.lengths.clear()
        self.diverged = 0
        best = self.best.design
        self.logger.record(tags.BEST_SEEN, best.info["score"])
        total = self.locals["total_timesteps"]
        if self.num_timesteps >= self.next_picture or self.num_timesteps >= total:
            self.next_picture = self.num_timesteps + total // PICTURES
            self._record_pictures(best)

    def _record_pictures(self, best: Design) -> None:
        network, axes = plots.card()
        network_views.draw_network(best.network, axes)
        tradeoff, axes = plots.card()
        weights, metrics = zip(*self.archive.sample(self.num_timesteps, POINTS), strict=True)
        mark = (best.info["active_weights"], best.info["val_metric"])
        plots.draw_tradeoff(weights, metrics, axes, best=mark)
        axes.set_ylim(bottom=float(np.quantile(metrics, 0.05)) - 0.02)  # most are near the top
        axes.set_ylabel(f"validation {shown_metric(best.info['metric'])}")
        for name, drawn in ((tags.BEST_NETWORK, network), (tags.TRADEOFF, tradeoff)):
            self.logger.record(name, Figure(drawn, close=True), exclude="csv")


class ArchiveDesigns(BaseCallback):
    """Add every design that was evaluated to a database, at the end of each rollout.

    Args:
        path: file of the database.
    """

    def __init__(self, path: Path):
        super().__init__()
        self.archive = DesignDatabase(path)
        self.designs: list[DesignRecord] = []

    def _on_step(self) -> bool:
        self.designs += [
            DesignRecord.of(self.num_timesteps, environment, info)
            for environment, info in enumerate(self.locals["infos"])
        ]
        return True

    def _on_rollout_end(self) -> None:
        self.archive.add(self.designs)
        self.designs.clear()

    def _on_training_end(self) -> None:
        self._on_rollout_end()  # where a callback has ended the training in a rollout


class Progress(BaseCallback):
    """A progress bar with the time left, what episodes are judged by, and the best design.

    Args:
        best: tracks the best design; comes before this one in a list of callbacks.
    """

    def __init__(self, best: BestDesign) -> None:
        super().__init__()
        self.best = best
        self.measure = judged_by(best.env)
        self.bar: Any = None
        self.scores: deque[float] = deque(maxlen=100)

    def _on_training_start(self) -> None:
        total = self.locals["total_timesteps"]
        self.bar = progress(total=total, initial=self.num_timesteps, unit="step")

    def _on_step(self) -> bool:
        infos, dones = self.locals["infos"], self.locals["dones"]
        ended = (info for info, done in zip(infos, dones, strict=True) if done)
        self.scores.extend(info[self.measure] for info in ended)
        self.bar.update(self.training_env.num_envs)
        return True

    def _on_rollout_end(self) -> None:
        best = self.best.design.info
        mean = f"{np.mean(self.scores):.4f}" if self.scores else "-"
        measure = MEASURES[self.measure]
        self.bar.set_postfix_str(
            f"mean {measure} {mean}, best of {self.num_timesteps:,} looks {best['score']:.4f} "
            f"({worth(best)})",
            refresh=False,
        )

    def close(self) -> None:
        """Leave the bar as it is, also when the training was interrupted."""
        if self.bar is not None:
            self.bar.close()

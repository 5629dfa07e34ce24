"""What a training run reports: TensorBoard scalars and pictures, the best design, progress."""

import time
from collections import Counter, deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Figure, TensorBoardOutputFormat

from rlnas import network_views, plots
from rlnas.agents.designing.evaluation import design_facts, evaluation_metrics
from rlnas.data.datasets import Dataset
from rlnas.designs.database import DesignDatabase, DesignRecord
from rlnas.designs.saved import save_design
from rlnas.envs.actions import OPERATIONS
from rlnas.envs.design_env import Design
from rlnas.nn.architecture import layers_of
from rlnas.progress import progress

PICTURES = 20
"""Pictures of each kind in a run: the first update, and then evenly over the training."""


def best_design(env: Any) -> Design:
    """The design with the highest score that the environments of a `VecEnv` have seen."""
    designs: list[Design] = env.get_attr("best")
    return max(designs, key=lambda design: design.info["score"])


class DesignLog(BaseCallback):
    """Scalars and pictures about the designs, under `design/` and `operations/`.

    Args:
        configuration: text that is shown beside them; none where a run goes on.
        archive: of the run, which has the designs of a rollout when it ends.
    """

    def __init__(self, configuration: str, archive: DesignDatabase):
        super().__init__()
        self.configuration = configuration
        self.archive = archive
        self.operations: Counter[str] = Counter()
        self.diverged = 0
        self.started = 0.0
        self.next_picture = 0  # timestep

    def _on_training_start(self) -> None:
        for output in self.logger.output_formats:
            if isinstance(output, TensorBoardOutputFormat) and self.configuration:
                output.writer.add_text("configuration", self.configuration, 0)

    def _on_rollout_start(self) -> None:
        self.started = time.perf_counter()

    def _on_step(self) -> bool:
        for info, done in zip(self.locals["infos"], self.locals["dones"], strict=True):
            self.operations[info["operation"] if info["applied"] else "refused"] += 1
            self.diverged += info["diverged"]
            if done:
                self._record_design(info)
        return True

    def _record_design(self, info: dict[str, Any]) -> None:
        mean = self.logger.record_mean
        mean("design/score", info["score"])
        mean("design/validation_accuracy", info["val_accuracy"])
        mean("design/active_weights", info["active_weights"])
        *hidden, output = layers_of(info)["layer_densities"]
        mean("design/depth", len(hidden))
        mean("design/density", info["density"])
        for k, density in enumerate(hidden):
            mean(f"design/density_hidden_{k + 1}", density)
        mean("design/density_output", output)

    def _on_rollout_end(self) -> None:
        steps = sum(self.operations.values())
        seconds = time.perf_counter() - self.started
        self.logger.record("time/environment_steps_per_second", steps / seconds)
        for operation in (*OPERATIONS, "refused"):
            self.logger.record(f"operations/{operation}", self.operations[operation] / steps)
        self.logger.record("design/diverged", self.diverged / steps)
        self.operations.clear()
        self.diverged = 0
        best = best_design(self.training_env)
        self.logger.record("design/best_score", best.info["score"])
        total = self.locals["total_timesteps"]
        if self.num_timesteps >= self.next_picture or self.num_timesteps >= total:
            self.next_picture = self.num_timesteps + total // PICTURES
            self._record_pictures(best)

    def _record_pictures(self, best: Design) -> None:
        network, axes = plots.figure()
        network_views.draw_network(best.network, axes)
        tradeoff, axes = plots.figure()
        weights, accuracies = zip(*self.archive.sample(self.num_timesteps), strict=True)
        mark = (best.info["active_weights"], best.info["val_accuracy"])
        plots.draw_tradeoff(weights, accuracies, axes, best=mark)
        for name, drawn in (("best_network", network), ("accuracy_against_weights", tradeoff)):
            self.logger.record(f"design/{name}", Figure(drawn, close=True), exclude="csv")


class BestDesign(BaseCallback):
    """Keep the best design seen, by score on validation data, in a folder.

    Args:
        folder: rewritten whenever a better design is found.
        data: all data sets of the training, each with a name of its own.
    """

    def __init__(self, folder: Path, data: Iterable[Dataset]):
        super().__init__()
        self.folder = folder
        self.data = {each.name: each for each in data}
        self.score = -np.inf  # of the one that is there

    def _on_step(self) -> bool:
        return True

    def _on_rollout_end(self) -> None:
        best = best_design(self.training_env)
        if best.info["score"] > self.score:
            self.score = best.info["score"]
            self.save(best)

    def test(self) -> None:
        """Test the best design, once, and note the result beside how often was looked for it."""
        best = best_design(self.training_env)
        data = self.data[best.info["dataset"]]
        found = evaluation_metrics(best.network, data, data.test)
        self.save(best, looks=self.num_timesteps, looks_at=data.validation.size, **found)

    def save(self, design: Design, **facts: Any) -> None:
        """Write a design, with further facts about it, to the folder."""
        data = self.data[design.info["dataset"]]
        record = {**design_facts(design), **data.origin, **facts}
        save_design(self.folder, design.network, data.preprocessing, record)


class ArchiveDesigns(BaseCallback):
    """Keep the facts of every design that was evaluated, from one update to the next.

    Args:
        path: of the archive.
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


class Progress(BaseCallback):
    """A progress bar with the time left, the current mean score, and the best design."""

    def __init__(self) -> None:
        super().__init__()
        self.bar: Any = None
        self.scores: deque[float] = deque(maxlen=100)

    def _on_training_start(self) -> None:
        total = self.locals["total_timesteps"]
        self.bar = progress(total=total, initial=self.num_timesteps, unit="step")

    def _on_step(self) -> bool:
        infos, dones = self.locals["infos"], self.locals["dones"]
        self.scores.extend(info["score"] for info, done in zip(infos, dones, strict=True) if done)
        self.bar.update(self.training_env.num_envs)
        return True

    def _on_rollout_end(self) -> None:
        best = best_design(self.training_env).info
        mean = f"{np.mean(self.scores):.4f}" if self.scores else "-"
        self.bar.set_postfix_str(
            f"mean score {mean}, best of {self.num_timesteps:,} looks {best['score']:.4f} "
            f"({best['val_accuracy']:.2%} with {best['active_weights']:,} weights)",
            refresh=False,
        )

    def close(self) -> None:
        """Leave the bar as it is; also where the training did not come to its end."""
        if self.bar is not None:
            self.bar.close()

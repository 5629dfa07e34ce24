"""The evaluations of a training on held-out episodes: values, a file, and what they say."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rlnas.agents.policies.outcome import MEASURES
from rlnas.agents.policies.run_folder import LAST
from rlnas.errors import InputError
from rlnas.files import json_schema
from rlnas.files.json_files import read_json, write_json
from rlnas.files.json_schema import COUNT, NUMBER, POSITIVE, TEXT

FILE = "evaluations.json"


@dataclass(frozen=True)
class Evaluation:
    """What a policy reached in the held-out episodes, means over them.

    Attributes:
        timesteps: Steps of the training before.
        score: What episodes are judged by.
        metric: Metric of the last designs on validation samples.
        active_weights: Weights of the last designs.
    """

    timesteps: int
    score: float
    metric: float
    active_weights: float


@dataclass(frozen=True)
class Evaluations:
    """All evaluations of a training so far.

    Attributes:
        measure: What episodes are judged by, a key of `MEASURES`.
        episodes: Number of held-out episodes.
        rivals: The scores of simple policies, by their names.
        done: The evaluations, in the order of their steps; at least one.
    """

    measure: str
    episodes: int
    rivals: Mapping[str, float]
    done: tuple[Evaluation, ...]

    @property
    def best(self) -> Evaluation:
        """The one with the highest score, of equal ones the last: its policy is kept."""
        return best_of(self.done)

    @property
    def last(self) -> Evaluation:
        """The last one."""
        return self.done[-1]

    def write(self, run: Path) -> None:
        """Write the file in a run folder."""
        write_json(run / FILE, asdict(self))

    def in_words(self, run: Path, total: int) -> str:
        """Which policy is in a run folder, and how good it is, the last one and rivals.

        Args:
            run: The run folder.
            total: Steps of the training.
        """
        measure, best = MEASURES[self.measure], self.best
        over = f"mean {measure} {best.score:.4f} over {self.episodes} held-out episodes"
        if best == self.last:
            among = f", the best of {len(self.done)} evaluations" if len(self.done) > 1 else ""
            said = f"the last one{among}: {over}"
        else:
            said = (
                f"the best of {len(self.done)} evaluations, after {best.timesteps:,} of {total:,} "
                f"steps: {over}; the last one, in {run / LAST}: {self.last.score:.4f}"
            )
        beside = ", ".join(f"{name} {score:.4f}" for name, score in self.rivals.items())
        return f"{said} ({beside})"


def best_of(done: tuple[Evaluation, ...]) -> Evaluation:
    """The evaluation with the highest score, of equal ones the last."""
    return max(reversed(done), key=lambda each: each.score)


def read_evaluations(run: Path) -> Evaluations | None:
    """Read the file in a run folder; None if there is none.

    Raises:
        InputError: It is damaged.
    """
    path = run / FILE
    if not path.is_file():
        return None
    values: Any = read_json(path)
    try:
        json_schema.check_schema(values, _FORM)
    except ValueError as error:
        raise InputError(f"{path} is damaged: {error}; remove it to go on without it") from error
    done = tuple(
        Evaluation(int(each["timesteps"]), each["score"], each["metric"], each["active_weights"])
        for each in values["done"]
    )
    return Evaluations(values["measure"], int(values["episodes"]), values["rivals"], done)


_EVALUATION = json_schema.record(
    timesteps=json_schema.WHOLE, score=NUMBER, metric=NUMBER, active_weights=POSITIVE
)
_FORM = json_schema.record(
    measure={"enum": list(MEASURES)},
    episodes=COUNT,
    rivals={"type": "object", "additionalProperties": NUMBER, "propertyNames": TEXT},
    done={**json_schema.list_of(_EVALUATION), "minItems": 1},
)

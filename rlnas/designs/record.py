"""`SavedRecord`: what `design.json` says about a design, and its JSON schema."""

from typing import Annotated, TypedDict

from rlnas.data.dataset import Origin, Sha256
from rlnas.files.json_schema import (
    COUNT,
    FLAG,
    NUMBER,
    POSITIVE,
    SHARE,
    TEXT,
    WHOLE,
    list_of,
    schema_of,
)

_SHARES = {"type": "object", "additionalProperties": SHARE}


class _Measured(TypedDict, total=False):
    """Facts that an environment reports after a step, see `rlnas.envs.design_env`."""

    penalty: Annotated[float, POSITIVE]
    score: Annotated[float, NUMBER]
    val_metric: Annotated[float, SHARE]
    val_loss: Annotated[float, POSITIVE]
    test_metric: Annotated[float, SHARE]
    test_accuracy: Annotated[float, SHARE]
    test_loss: Annotated[float, POSITIVE]
    active_weights: Annotated[int, WHOLE]
    density: Annotated[float, SHARE]
    layer_sizes: Annotated[list[int], list_of(COUNT)]
    layer_densities: Annotated[list[float], list_of(SHARE)]
    action: Annotated[str, TEXT]
    applied: Annotated[bool, FLAG]


class StepRecord(_Measured, total=False):
    """One design of an episode; with a budget, also what its step cost.

    Attributes:
        cost: Multiply-adds of the step.
        spent: Multiply-adds spent in the episode up to here.
        batches: Training batches of the step.
    """

    dataset: Annotated[str, TEXT]
    cost: Annotated[int, WHOLE]
    spent: Annotated[int, WHOLE]
    batches: Annotated[int, WHOLE]


class PolicyRecord(TypedDict):
    """The policy that made a design."""

    name: Annotated[str, TEXT]
    sha256: Sha256


class BatchesRecord(TypedDict):
    """Training batches that the network of a design had in the episode, and altogether."""

    episode: Annotated[int, WHOLE]
    all: Annotated[int, WHOLE]


class _Timed(TypedDict, total=False):
    seconds: Annotated[float, POSITIVE]


class BudgetRecord(TypedDict):
    """What an episode with a budget of training cost had and spent.

    Attributes:
        units: The budget, as a multiple of the unit.
        multiply_adds: The budget.
        spent: Multiply-adds spent.
        anytime: The anytime score of the episode.
        lengths: Share of the steps that chose each length of training.
    """

    units: Annotated[float, POSITIVE]
    multiply_adds: Annotated[int, COUNT]
    spent: Annotated[int, WHOLE]
    anytime: Annotated[float, NUMBER]
    lengths: Annotated[dict[str, float], _SHARES]


class NetworkRecord(TypedDict):
    """A network of a design that was searched for.

    Attributes:
        trial: Number of its trial.
        start: What the episodes of the trial began with.
        price: Price of the reference number of weights in these episodes, in accuracy.
        fold: Number of the fold on whose training samples it was designed.
        active_weights: Its active weights.
        layer_sizes: Units of its layers.
    """

    trial: Annotated[int, WHOLE]
    start: Annotated[str, TEXT]
    price: Annotated[float, POSITIVE]
    fold: Annotated[int, WHOLE]
    active_weights: Annotated[int, COUNT]
    layer_sizes: Annotated[list[int], list_of(COUNT)]


class FrontRecord(TypedDict):
    """The size of a design that a search found, and its accuracy in validation."""

    active_weights: Annotated[int, COUNT]
    val_metric: Annotated[float, SHARE]


class PointRecord(FrontRecord):
    """The best design at a moment of a search.

    Attributes:
        seconds: Seconds since the search began.
        trials: Number of trials.
        merit: What designs were compared by.
    """

    seconds: Annotated[float, POSITIVE]
    trials: Annotated[int, WHOLE]
    merit: Annotated[float, NUMBER]


class SearchRecord(_Timed):
    """A search for a design within limits.

    Attributes:
        seconds: The time that was given, if it was.
        trials: Number of trials, which determines the result.
        interrupted: Whether the user ended it.
        limits: The limits, by name.
        format: Format of C code whose bytes were limited.
        judged: Number of samples that designs were judged on.
        networks: The networks that make the design, side by side.
        curve: The best design so far, whenever there was a better one.
        front: The designs that no other one beats in accuracy and size.
    """

    trials: Annotated[int, COUNT]
    interrupted: Annotated[bool, FLAG]
    limits: Annotated[dict[str, float], {"type": "object", "additionalProperties": NUMBER}]
    format: Annotated[str, TEXT]
    judged: Annotated[int, COUNT]
    networks: list[NetworkRecord]
    curve: list[PointRecord]
    front: list[FrontRecord]


_CLOSED = {"additionalProperties": False}
_TEXTS = {"type": "object", "additionalProperties": TEXT}
_RECALLS = {
    "type": "object",
    "additionalProperties": {**SHARE, "type": ["number", "null"]},
}

_ERRORS = {
    "type": "object",
    "additionalProperties": {"type": "object", "additionalProperties": NUMBER},
}


class SavedRecord(_Measured, Origin, total=False):
    """What is known about a design; only the origin of its data is always there.

    The `metric` of its objective is what `score`, `val_metric` and `test_metric` are measured by.

    Attributes:
        task_reason: Why this is the task.
        format: Version of the format.
        versions: Versions of the software, by package.
        files_sha256: SHA-256 of each of the other files of the design.
        initial: The design that the episode started from.
        history: All designs of the episode.
        reference: Reference number of weights, see `rlnas.scoring.reference_weights`.
        seed: Seed of the episode.
        policy: The policy that made the design.
        thorough: Whether the episode was a long one.
        budget: What the episode had and spent, if it had a budget.
        search: The search within limits that found it, if there was one.
        linear: Whether it is the linear network that the best design of the episode was compared
            with.
        created: Date and time.
        batches: Training batches of the network; a linear network had none in the episode.
        weighted: Whether weights of samples apply to `val_metric`, `val_loss`, `test_metric` and
            `test_loss`; they apply to none of the following.
        balanced_accuracy: Mean of the recalls.
        majority_accuracy: Accuracy of always predicting the most frequent class.
        recalls: Share of each class that was predicted correctly; None for a class without samples.
        calibration_error: Expected calibration error, see `rlnas.metrics.calibration_error`.
        temperature: What the logits were divided by, see `rlnas.agents.designing.calibration`.
        test_r2: Mean of the R² of the targets.
        errors: Errors of each target, see `rlnas.metrics.regression_errors`.
        looks: How often designs were compared on validation samples.
        looks_at: Number of those samples.
    """

    task_reason: Annotated[str, TEXT]
    format: Annotated[str, TEXT]
    versions: Annotated[dict[str, str], _TEXTS]
    files_sha256: Annotated[dict[str, str], _TEXTS]
    initial: StepRecord
    history: list[StepRecord]
    reference: Annotated[int, COUNT]
    seed: Annotated[int, WHOLE]
    policy: Annotated[PolicyRecord, _CLOSED]
    thorough: Annotated[bool, FLAG]
    budget: Annotated[BudgetRecord, _CLOSED]
    search: Annotated[SearchRecord, _CLOSED]
    linear: Annotated[bool, FLAG]
    created: Annotated[str, TEXT]
    batches: Annotated[BatchesRecord, _CLOSED]
    weighted: Annotated[bool, FLAG]
    balanced_accuracy: Annotated[float, SHARE]
    majority_accuracy: Annotated[float, SHARE]
    recalls: Annotated[dict[str, float | None], _RECALLS]
    calibration_error: Annotated[float, SHARE]
    temperature: Annotated[float, POSITIVE]
    test_r2: Annotated[float, NUMBER]
    errors: Annotated[dict[str, dict[str, float]], _ERRORS]
    looks: Annotated[int, COUNT]
    looks_at: Annotated[int, COUNT]


SCHEMA = schema_of(SavedRecord)

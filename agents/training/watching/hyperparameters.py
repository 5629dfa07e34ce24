"""What TensorBoard's HParams tab shows of a training: its settings, beside its results."""

from rlnas.agents.config import WORKERS, TrainConfig
from rlnas.agents.policies.run_config import COMMAND, as_json
from rlnas.agents.training.watching import tags

RESULTS = (
    tags.EVALUATED,
    tags.EVALUATED_WEIGHTS,
    tags.FINAL,
    tags.BEST_SEEN,
    tags.METRIC,
    tags.WEIGHTS,
    tags.SPEED,
)
"""Tags whose last values the tab shows."""

_NO_RESULT = {COMMAND, "run_dir", "data_dir", "resume", *WORKERS}
"""Settings that do not influence the result."""


def shown_settings(config: TrainConfig) -> dict[str, int | float | str]:
    """The settings that influence the result and are given, lists as words with spaces."""
    settings = {name: value for name, value in as_json(config).items() if name not in _NO_RESULT}
    return {
        name: " ".join(map(str, value)) if isinstance(value, list) else value
        for name, value in settings.items()
        if value not in (None, [])
    }

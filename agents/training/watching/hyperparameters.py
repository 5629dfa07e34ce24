"""What TensorBoard's HParams tab shows of a training: its settings, beside its results."""

from dataclasses import fields
from typing import get_args, get_type_hints

from rlnas.agents.config import WORKERS, TrainConfig
from rlnas.agents.policies.run_config import COMMAND, as_json
from rlnas.agents.table_settings import TableSettings
from rlnas.agents.training.watching import tags
from rlnas.agents.training.watching.events import Setting

RESULTS = (
    *(tags.EVALUATED, tags.EVALUATED_WEIGHTS, tags.FINAL, tags.BEST_SEEN),
    *(tags.METRIC, tags.WEIGHTS, tags.SPEED),
)
"""Tags whose last values the tab shows."""

_NO_RESULT = {COMMAND, "run_dir", "data_dir", "resume", *WORKERS}
"""Settings that do not influence the result."""

_VARIED = {"dataset", "learning_rate", "penalty", "seed", "total_timesteps"}
"""Settings that often differ between trainings."""


def shown_settings(config: TrainConfig) -> dict[str, Setting]:
    """The settings that influence the result, those about tables only if they are given.

    Settings that often differ, and those that are not the defaults, come first.
    """
    values = as_json(config)
    about_tables = {each.name for each in fields(TableSettings)}
    hints = get_type_hints(TrainConfig)
    shown = {}
    for name in values.keys() - _NO_RESULT:
        value, given = values[name], getattr(config, name) != getattr(TrainConfig, name)
        if given or name not in about_tables:
            text = " ".join(map(str, value)) if isinstance(value, list) else value
            number = bool({int, float} & {hints[name], *get_args(hints[name])})
            shown[name] = Setting(text, number, given or name in _VARIED)
    return dict(sorted(shown.items()))

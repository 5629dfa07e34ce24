"""An event file of TensorBoard whose scalars say what they mean, with the HParams tab filled."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.logger import TensorBoardOutputFormat
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.scalar.metadata import create_summary_metadata
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

from rlnas.agents.training.watching.tags import meaning

PATTERN = "events.out.tfevents.*.rlnas"
"""Names of our event files; there may be others in the same folder."""


class EventFile(TensorBoardOutputFormat):
    """A new event file in a folder, whose name is the name of the run in TensorBoard.

    Args:
        folder: the folder, which may have event files already: the curves go on.
    """

    def __init__(self, folder: Path):
        self.writer = SummaryWriter(str(folder), filename_suffix=".rlnas")
        self._is_closed = False

    def write(self, key_values: dict[str, Any], key_excluded: Any, step: int = 0) -> None:
        """Write what Stable-Baselines3's class writes, and the meanings of our scalars."""
        described = {
            tag: float(value)
            for tag, value in key_values.items()
            if isinstance(value, int | float | np.number)
            and meaning(tag)
            and "tensorboard" not in (key_excluded[tag] or ())
        }
        for tag, value in described.items():
            metadata = create_summary_metadata(display_name="", description=meaning(tag))
            self._add(
                Summary(value=[Summary.Value(tag=tag, simple_value=value, metadata=metadata)]), step
            )
        rest = [tag for tag in key_values if tag not in described]
        super().write(
            {tag: key_values[tag] for tag in rest}, {tag: key_excluded[tag] for tag in rest}, step
        )

    def begin_session(self, settings: Mapping[str, int | float | str], metrics: Any) -> None:
        """Show settings in the HParams tab, beside the last values of some tags.

        Args:
            settings: the settings by name.
            metrics: the tags.
        """
        experiment, start, _ = hparams(dict(settings), dict.fromkeys(metrics, 0))
        self._add(experiment)
        self._add(start)

    def end_session(self) -> None:
        """Let the HParams tab say that the training has succeeded."""
        *_, end = hparams({}, {})
        self._add(end)

    def _add(self, summary: Any, step: int | None = None) -> None:
        assert self.writer.file_writer is not None
        self.writer.file_writer.add_summary(summary, step)

"""An event file of TensorBoard whose scalars say what they mean, with the HParams tab filled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from stable_baselines3.common.logger import TensorBoardOutputFormat
from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2
from tensorboard.plugins.scalar.metadata import create_summary_metadata
from tensorboard.util.tensor_util import make_tensor_proto
from torch.utils.tensorboard import SummaryWriter

from rlnas.agents.training.watching.tags import meaning

PATTERN = "events.out.tfevents.*.rlnas"
"""Names of our event files; there may be others in the same folder."""


@dataclass(frozen=True)
class Setting:
    """A setting in the HParams tab.

    Attributes:
        value: Its value; None if it is not given.
        is_number: Whether it is a number in every training.
        first: Whether it stands before the others, which the tab hides if there are many.
    """

    value: float | str | None
    is_number: bool
    first: bool


class EventFile(TensorBoardOutputFormat):
    """A new event file in a folder, whose name is the name of the run in TensorBoard.

    Args:
        folder: the folder, which may have event files already: the curves go on.
    """

    def __init__(self, folder: Path):
        self.writer = SummaryWriter(str(folder), filename_suffix=".rlnas")
        self._is_closed = False
        self.told: set[str] = set()  # tags whose meaning is in the file

    def write(self, key_values: dict[str, Any], key_excluded: Any, step: int = 0) -> None:
        """Write what Stable-Baselines3's class writes, with the meaning of each of our scalars."""
        for tag in key_values.keys() - self.told:
            if meaning(tag) and "tensorboard" not in (key_excluded[tag] or ()):
                self._tell(tag, float(key_values[tag]), step)
        super().write(key_values, key_excluded, step)

    def _tell(self, tag: str, value: float, step: int) -> None:
        """Write a first value with what the tag means.

        TensorBoard's server takes a meaning only from values in the form of tensors, which programs
        that read event files do not expect; so the value is written in its usual form too.
        """
        self.told.add(tag)
        metadata = create_summary_metadata(display_name="", description=meaning(tag))
        tensor = make_tensor_proto(np.float32(value))
        self._add(Summary(value=[Summary.Value(tag=tag, tensor=tensor, metadata=metadata)]), step)

    def begin_session(self, settings: Mapping[str, Setting], metrics: Sequence[str]) -> None:
        """Show settings in the HParams tab, beside the last values of some tags.

        Args:
            settings: the settings by name.
            metrics: the tags.
        """
        start = plugin_data_pb2.SessionStartInfo()
        infos = []
        for name, setting in settings.items():
            kind = "FLOAT64" if setting.is_number else "STRING"
            kind_number = api_pb2.DataType.Value(f"DATA_TYPE_{kind}")
            infos.append(api_pb2.HParamInfo(name=name, type=kind_number, differs=setting.first))
            if isinstance(setting.value, str):
                start.hparams[name].string_value = setting.value
            elif setting.value is not None:
                start.hparams[name].number_value = setting.value
        shown = [
            api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag), description=meaning(tag))
            for tag in metrics
        ]
        experiment = api_pb2.Experiment(hparam_infos=infos, metric_infos=shown)
        self._add_hparams("EXPERIMENT_TAG", experiment=experiment)
        self._add_hparams("SESSION_START_INFO_TAG", session_start_info=start)

    def end_session(self) -> None:
        """Let the HParams tab say that the training has succeeded."""
        end = plugin_data_pb2.SessionEndInfo(status=api_pb2.Status.Value("STATUS_SUCCESS"))
        self._add_hparams("SESSION_END_INFO_TAG", session_end_info=end)

    def _add_hparams(self, tag: str, **content: Any) -> None:
        data = plugin_data_pb2.HParamsPluginData(**content, version=metadata.PLUGIN_DATA_VERSION)
        plugin = SummaryMetadata.PluginData(
            plugin_name=metadata.PLUGIN_NAME, content=data.SerializeToString()
        )
        described = SummaryMetadata(plugin_data=plugin)
        self._add(Summary(value=[Summary.Value(tag=getattr(metadata, tag), metadata=described)]))

    def _add(self, summary: Any, step: int | None = None) -> None:
        assert self.writer.file_writer is not None
        self.writer.file_writer.add_summary(summary, step)

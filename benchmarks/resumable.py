"""The folder of an experiment, whose trainings the same command continues after a stop."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from rlnas import DesignEnv
from rlnas.agents import TrainConfig


def claim(folder: Path, config: TrainConfig) -> None:
    """Note a training and its data in a folder; exit if it holds those of another one.

    Args:
        folder: The folder for the runs.
        config: Settings of the training that all runs in the folder have in common.
    """
    data = DesignEnv(list(config.dataset), data_dir=config.data_dir).datasets
    task = {**asdict(config), "data": [each.fingerprint for each in data]}
    text = json.dumps(task, default=str, indent=1)
    path = folder / "settings.json"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    elif path.read_text() != text:
        sys.exit(f"{folder} holds trainings of other settings or data: give another folder")

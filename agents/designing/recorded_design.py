"""Rebuilding a design from the archive of a training by replaying its episode up to the design."""

from pathlib import Path
from typing import Any

import numpy as np

from rlnas.agents.designing.evaluation import design_facts
from rlnas.agents.policies.environments import make_env
from rlnas.agents.policies.episode import worth
from rlnas.agents.policies.layouts import layout_of
from rlnas.agents.policies.run_config import check_data, read_train_config
from rlnas.designs.database import FILE, DesignDatabase, DesignRecord
from rlnas.designs.saved import save_design
from rlnas.envs.episode import Design
from rlnas.envs.replay import restored_generator
from rlnas.errors import InputError
from rlnas.files.folders import result_folder
from rlnas.files.json_files import parse_json


def save_recorded_design(run: Path, design: DesignRecord, folder: Path) -> None:
    """Rebuild a design of which a training kept only the facts, and write it to a folder.

    Episodes are deterministic: a replay from the same generator state with the same actions gives
    the same network, bit for bit.

    Args:
        run: Run folder of the training.
        design: A design of the archive of the training.
        folder: Folder for the design; created if it does not exist.

    Raises:
        InputError: The run is damaged, its data have changed, the replay gives another network
            (for example with other versions of the libraries), or the folder cannot be written to.
    """
    config = read_train_config(run)
    data = config.load()
    check_data(run, data)
    archive = DesignDatabase(run / FILE)
    episode = archive.episode(design)
    episode = [each for each in episode if each.timestep <= design.timestep]
    env = make_env(config, data)
    layout = layout_of(env.observation_space)
    numbers: dict[str, Any] = {action: number for number, action in enumerate(layout.actions)}
    whole = episode and episode[0].start and episode[-1].timestep == design.timestep
    if not whole or not all(each.action in numbers for each in episode):
        raise InputError(f"{run / FILE} is damaged: the episode of a design is not whole")
    env.np_random = np.random.Generator(restored_generator(parse_json(episode[0].start)))
    env.reset()
    for each in episode:
        *_, info = env.step(numbers[each.action])
    made = Design(env.current_design, info | env.words)
    facts = ("dataset", "score", "val_metric", "active_weights")
    if any(made.info[name] != getattr(design, name) for name in facts):
        raise InputError(
            f"the design of step {design.timestep:,} cannot be made again, here its episode gives "
            f"{worth(made.info)}: use "
            "the machine and the versions that it was trained with"
        )
    looks = {"looks": archive.extent()[0], "looks_at": env.dataset.validation.size}
    record = {**design_facts(made), **env.dataset.origin, **looks}
    with result_folder(folder) as out:
        save_design(out, made.network, env.dataset.preprocessing, record)

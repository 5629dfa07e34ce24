"""Infos are numbers in one structure for ever: collectors and buffers make room for them once."""

from collections.abc import Iterator, Sequence
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from mo_gymnasium.wrappers.vector import MOSyncVectorEnv

from rlnas.envs.actions import ACTIONS
from rlnas.envs.budget.actions import BUDGET_ACTIONS
from rlnas.envs.episode import LastAction
from rlnas.envs.family.actions import FAMILY_ACTIONS
from rlnas.envs.tabular.actions import tabular_actions
from rlnas.nn.architecture import layers_of
from rlnas.tabular.table import Table
from tests.compat.helpers import is_budgeted, is_family, is_scalar, is_tabular, make, short

STEPS = 10


def structure(info: dict[str, Any]) -> dict[str, Any]:
    """Type, shape and dtype of each entry, all of which are numbers."""
    assert {np.asarray(value).dtype.kind for value in info.values()} <= set("bif")
    return {
        key: (type(value), np.shape(value), getattr(value, "dtype", None))
        for key, value in info.items()
    }


def deeper_and_flatter(name: str) -> Iterator[int]:
    """Actions that add a layer and remove it again, for ever; after a start if one is needed."""
    wanted = ("add_layer", "remove_layer", "remove_layer")
    table: Sequence[LastAction] = ACTIONS
    if is_tabular(name):
        table = tabular_actions(Table.load("digits").grid)
    if is_family(name):
        actions = list(map(str, FAMILY_ACTIONS))
        wanted = (
            "start 24 at 100%, 6 batches",
            "add a layer, 6 batches",
            "remove a layer, 6 batches",
        )
        while True:
            yield from map(actions.index, wanted)
    if is_budgeted(name):
        table, wanted = BUDGET_ACTIONS, ("start", *wanted)
    operations = [action.operation for action in table]
    while True:
        yield from map(operations.index, wanted)


def test_an_environment_keeps_the_structure_of_its_infos(name):
    env, actions = make(name), deeper_and_flatter(name)
    infos, over = [], True
    for _ in range(STEPS):
        if over:
            infos.append(env.reset(seed=len(infos))[1])
        *_, over, _, info = env.step(next(actions))
        infos.append(info)
    first = structure(infos[0])
    assert [structure(info) for info in infos] == [first] * len(infos)
    if not is_tabular(name) and not is_family(name):
        assert len({len(layers_of(info)["layer_sizes"]) for info in infos}) > 1, "depths differ"


def by_entry_point(name: str, mode: AutoresetMode) -> gym.vector.VectorEnv:
    settings: dict[str, Any] = {"autoreset_mode": mode, **short(name)}
    return gym.make_vec(name, 2, vectorization_mode="vector_entry_point", **settings)


def one_by_one(name: str, mode: AutoresetMode) -> gym.vector.VectorEnv:
    if is_scalar(name):
        return SyncVectorEnv([lambda: make(name)] * 2, autoreset_mode=mode)
    if mode is not AutoresetMode.NEXT_STEP:
        pytest.skip("MO-Gymnasium's vector knows no other mode than NextStep")
    return MOSyncVectorEnv([lambda: make(name)] * 2)


@pytest.mark.parametrize("mode", AutoresetMode)
@pytest.mark.parametrize("vector", [by_entry_point, one_by_one])
def test_vector_infos_keep_their_structure(name, vector, mode):
    envs, actions = vector(name, mode), deeper_and_flatter(name)
    infos, finals = [envs.reset(seed=0)[1]], []
    for step in range(STEPS):
        *_, terminated, _, info = envs.step(np.array([next(actions), 0]))
        if mode is AutoresetMode.DISABLED and terminated.any():
            infos.append(envs.reset(options={"reset_mask": terminated})[1])
        if step == 1:
            some = np.array([True, False])  # so that episodes end apart
            infos.append(envs.reset(options={"reset_mask": some})[1])
        for key in ("final_obs", "_final_obs"):
            assert (key in info) == (mode is AutoresetMode.SAME_STEP and terminated.any())
            info.pop(key, None)
        if "final_info" in info:
            assert info.pop("_final_info").tolist() == terminated.tolist()
            finals.append(info.pop("final_info"))
        infos.append(info)
    envs.close()
    first = structure(infos[0])
    assert [structure(info) for info in infos] == [first] * len(infos)
    assert [structure(info) for info in finals] == [first] * len(finals)
    assert bool(finals) == (mode is AutoresetMode.SAME_STEP)

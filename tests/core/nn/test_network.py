"""`SparseNetwork`: its layout and counts, random networks, files and what is refused."""

import copy
import io
import json
import pickle
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, example, given, settings, strategies as st
from safetensors.numpy import load as load_tensors, save as save_tensors

from rlnas.errors import InputError
from rlnas.export.torch_module import to_torch
from rlnas.nn import training
from rlnas.nn.initialization import random_network
from rlnas.nn.network import (
    EMA,
    FIRST_MOMENT,
    SECOND_MOMENT,
    VALUE,
    SparseNetwork,
    from_coordinates,
)
from rlnas.nn.structure import BLOCK
from tests.core.reference import (
    allowed,
    bits,
    dense,
    logits,
    mask_of,
    network_of,
    random_dataset,
    skip_network,
)

SIZES = (3, 2, 2, 2)
# Input 1 is read by nothing; unit 3 reads inputs 0 and 2, unit 4 input 2; unit 5 reads unit 3 and
# input 0, unit 6 unit 4; output 7 reads units 5, 6 and 3, output 8 input 0.
ROWS = [[0, 2], [2], [0, 3], [4], [3, 5, 6], [0]]


def hand_made() -> SparseNetwork:
    mask = np.zeros((6, 9), bool)
    for row, columns in enumerate(ROWS):
        mask[row, columns] = True
    return network_of(SIZES, mask, np.random.default_rng(0))


def dense_mlp(*sizes: int) -> SparseNetwork:
    return random_network(sizes, 1.0, np.random.default_rng(0))


# --- layout and counts ---


def metadata(layer_sizes: str = json.dumps(SIZES), steps: str = "3") -> str:
    """The JSON in a file's header, with these texts in it."""
    return f'{{"format": "rlnas-network-1", "layer_sizes": {layer_sizes}, "steps": {steps}}}'


def test_sizes_and_counts_of_a_network_with_skip_connections():
    network = hand_made()
    network.check()
    assert network.n_inputs == 3
    assert network.n_outputs == 2
    assert network.depth == 2
    assert network.n_hidden == 4
    assert network.n_units == 9
    assert network.active_weights == 10
    assert network.starts.tolist() == [0, 3, 5, 7, 9]
    assert network.unit_layers.tolist() == [0, 0, 0, 1, 1, 2, 2, 3, 3]
    assert network.targets.tolist() == [3, 3, 4, 5, 5, 6, 7, 7, 7, 8]
    assert network.fan_in.tolist() == [0, 0, 0, 2, 1, 2, 1, 3, 1]
    assert network.fan_out.tolist() == [3, 0, 2, 2, 1, 1, 1, 0, 0]


def test_block_counts_equal_counting_pairs_of_layers():
    assert hand_made().block_counts.tolist() == [
        [0, 0, 0, 0],
        [3, 0, 0, 0],
        [1, 2, 0, 0],
        [1, 1, 2, 0],
    ]


def test_density_counts_only_blocks_with_a_connection():
    network = hand_made()
    assert network.layer_densities == (3 / 6, 3 / (6 + 4), 4 / (6 + 4 + 4))
    assert network.density == 10 / (6 + 10 + 14)


@pytest.mark.parametrize("sizes", [(5, 3), (5, 4, 3), (6, 5, 1, 2)])
def test_a_dense_mlp_has_density_1_everywhere(sizes):
    network = dense_mlp(*sizes)
    assert network.layer_densities == (1.0,) * (len(sizes) - 1)
    assert network.density == 1
    assert network.active_weights == sum(a * b for a, b in pairwise(sizes))


def test_a_dense_network_with_every_skip_connection_has_density_1():
    network = network_of(SIZES, allowed(SIZES), np.random.default_rng(0))
    assert network.layer_densities == (1.0, 1.0, 1.0)


def test_a_layer_without_connections_has_density_0():
    mask = np.zeros((2, 4), bool)
    network = network_of((2, 2), mask, np.random.default_rng(0))
    network.check()
    assert network.layer_densities == (0.0,)
    assert network.density == 0


def reading(n_inputs: int, used: list[int]) -> SparseNetwork:
    """One output that reads these inputs."""
    mask = np.zeros((1, n_inputs + 1), bool)
    mask[0, used] = True
    return network_of((n_inputs, 1), mask, np.random.default_rng(0))


def test_hidden_start_is_the_first_connection_from_a_hidden_unit():
    mask = np.zeros((4, 9), bool)
    mask[0, [1, 4]] = mask[1, [4]] = mask[2, [1, 5, 6]] = mask[3, [6]] = True
    network = network_of((5, 2, 2), mask, np.random.default_rng(0))
    index = network.index
    assert index.columns.tolist() == [1, 4, 4, 1, 5, 6, 6]
    assert index.indptr.tolist() == [0, 2, 3, 6, 7]
    assert index.hidden_start.tolist() == [2, 3, 4, 6]
    assert index.stops.tolist() == [5, 5, 7, 7]
    assert (index.n_inputs, index.n_hidden) == (5, 2)
    assert {array.dtype for array in index[:6]} == {np.dtype(np.int32)}


@pytest.mark.parametrize(
    ("n_inputs", "used", "blocks"),
    [
        (24, [0, 7], [0]),
        (24, [7, 8], [0, 8]),
        (24, [1, 4, 17], [0, 16]),
        (24, [23], [16]),
        (8, [3], [0]),
        (9, [8], [1]),
        (9, [7, 8], [0, 1]),
        (21, [15], [8]),
        (21, [16], [13]),
        (21, [12, 20], [8, 13]),
        (5, [4], [0]),
        (1, [0], [0]),
        (24, [], []),
    ],
)
def test_the_index_gathers_blocks_of_eight_inputs_with_one_in_use_the_last_shifted_back(
    n_inputs, used, blocks
):
    assert reading(n_inputs, used).index.blocks.tolist() == blocks


@pytest.mark.parametrize("n_inputs", range(1, 35))
def test_the_blocks_hold_every_used_input_and_nothing_beyond_the_inputs(n_inputs):
    rng = np.random.default_rng(n_inputs)
    for density in (0.05, 0.3, 1):
        used = np.flatnonzero(rng.random(n_inputs) < density)
        index = reading(n_inputs, used.tolist()).index
        for blocks, wanted in ((index.blocks, used), (index.all_blocks, np.arange(n_inputs))):
            held = blocks[:, None] + np.arange(min(n_inputs, BLOCK))
            assert np.isin(wanted, held).all()
            assert np.isin(held, np.arange(n_inputs)).all()
            assert np.isin(held, wanted).any(axis=1).all()
            assert (np.diff(blocks) > 0).all()


@pytest.mark.parametrize(
    ("n_inputs", "blocks"), [(5, [0]), (8, [0]), (9, [0, 1]), (21, [0, 8, 13]), (24, [0, 8, 16])]
)
def test_all_blocks_together_hold_every_input(n_inputs, blocks):
    assert reading(n_inputs, []).index.all_blocks.tolist() == blocks


def test_a_copy_shares_no_memory():
    network = hand_made()
    twin, before = network.copy(), bits(network)
    assert bits(twin) == before
    for array in (twin.indptr, twin.indices, twin.connections, twin.units):
        array[...] = 1
    twin.steps += 1
    assert bits(network) == before


def test_a_network_survives_pickling_and_deepcopy():
    network = hand_made()
    assert bits(pickle.loads(pickle.dumps(network))) == bits(network)
    assert bits(copy.deepcopy(network)) == bits(network)


def test_a_network_that_comes_from_shared_memory_can_be_trained():
    data = random_dataset(np.random.default_rng(1))
    network = random_network((6, 8, 3), 0.5, np.random.default_rng(0))
    buffers: list[pickle.PickleBuffer] = []
    frozen = pickle.dumps(network, protocol=5, buffer_callback=buffers.append)
    shared = [bytes(buffer.raw()) for buffer in buffers]  # cannot be written to
    received = pickle.loads(frozen, buffers=shared)
    order = training.Batches(data.train, np.random.default_rng(2)).take(3)
    again = training.train(network, data, order)
    assert training.train(received, data, order) == again
    assert bits(received) == bits(network)


def test_connections_may_be_given_in_any_order():
    network = hand_made()
    order = np.random.default_rng(0).permutation(network.active_weights)
    rebuilt = from_coordinates(
        SIZES,
        network.targets[order],
        network.indices[order],
        network.connections[:, order],
        network.units,
        network.steps,
    )
    assert bits(rebuilt) == bits(network)
    rebuilt.check()


# --- random networks ---


@pytest.mark.parametrize("sizes", [(7, 3), (7, 1, 3), (20, 9, 6, 4), (2, 30, 2)])
@pytest.mark.parametrize("density", [0.001, 0.1, 0.5, 1.0])
def test_a_random_network_has_the_fan_in_asked_for_and_no_dead_unit(sizes, density):
    network = random_network(sizes, density, np.random.default_rng(0))
    network.check()
    assert network.layer_sizes == sizes
    start = 0
    for layer, (before, width) in enumerate(pairwise(sizes), start=1):
        members = slice(start + before, start + before + width)
        assert (network.fan_in[members] >= max(1, round(density * before))).all()
        wanted = width * max(1, round(density * before))
        rescued = network.fan_in[members].sum() - wanted
        assert 0 <= rescued <= (before if layer > 1 else 0)
        start += before
    blocks = network.block_counts
    assert blocks.sum() == sum(blocks[layer, layer - 1] for layer in range(1, len(sizes)))


def test_an_unread_unit_of_a_random_network_gets_one_reader():
    rng = np.random.default_rng(0)
    for _ in range(20):
        network = random_network((8, 10, 3), 0.2, rng)
        read_once = (network.fan_out[8:18] == 1).sum()
        extra = (network.fan_in[18:] - 2).sum()
        assert 10 - 3 * 2 <= extra <= read_once


def test_random_weights_have_variance_2_over_fan_in_and_biases_are_zero():
    network = random_network((400, 200, 100), 0.25, np.random.default_rng(0))
    into_first = network.targets < 600
    for chosen, fan_in in ((into_first, 100), (~into_first, 50)):
        weights = network.connections[VALUE, chosen] / np.sqrt(2 / fan_in)
        assert weights.mean() == pytest.approx(0, abs=0.05)
        assert weights.std() == pytest.approx(1, abs=0.05)
    assert not network.units.any()
    assert not network.connections[[FIRST_MOMENT, SECOND_MOMENT]].any()
    np.testing.assert_array_equal(network.connections[EMA], network.connections[VALUE])


def test_a_random_network_depends_on_its_seed_alone():
    first, second, other = (
        random_network((9, 5, 3), 0.5, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert bits(first) == bits(second) != bits(other)


@pytest.mark.parametrize("sizes", [(), (5,), (5, 0, 3), (0, 3), (5, -1, 3)])
def test_invalid_layer_sizes_are_refused(sizes):
    with pytest.raises(InputError, match=r"layer sizes .* cannot be used"):
        random_network(sizes, 0.5, np.random.default_rng(0))


@pytest.mark.parametrize("density", [0, -0.1, 1.01, np.nan, np.inf])
def test_a_density_out_of_range_is_refused(density):
    with pytest.raises(InputError, match=r"density .* expected a number in \(0, 1\]"):
        random_network((5, 3), density, np.random.default_rng(0))


# --- files ---


@pytest.fixture
def saved(tmp_path):
    """A file with a network that was trained a little."""
    data = random_dataset(np.random.default_rng(0), features=3, classes=2)
    network = hand_made()
    training.train(network, data, training.Batches(data.train, np.random.default_rng(0)).take(3))
    network.save(tmp_path / "network.safetensors")
    return tmp_path / "network.safetensors", network


def test_the_same_network_makes_the_same_file(saved, tmp_path):
    path, network = saved
    network.copy().save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == path.read_bytes()


def test_saving_and_loading_keeps_every_bit(saved):
    path, network = saved
    assert bits(SparseNetwork.load(path)) == bits(network)
    assert bits(SparseNetwork.load(str(path))) == bits(network)
    wide = skip_network((20, 30, 10, 4), np.random.default_rng(1))
    wide.save(str(path))
    assert bits(SparseNetwork.load(path)) == bits(wide)


def test_a_loaded_network_trains_like_the_saved_one(saved):
    path, network = saved
    data = random_dataset(np.random.default_rng(0), features=3, classes=2)
    order = training.Batches(data.train, np.random.default_rng(1)).take(5)
    loaded = SparseNetwork.load(path)
    for twin in (network, loaded):
        training.train(twin, data, order)
    assert bits(loaded) == bits(network)


def test_saving_to_an_unwritable_place_raises_input_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="cannot write"):
        hand_made().save(tmp_path / "file" / "network")


def test_loading_a_missing_file_raises_input_error(tmp_path):
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(InputError, match=r"no network file at .*expected a safetensors file"):
            SparseNetwork.load(path)


def test_a_truncated_file_is_refused(saved):
    path, _ = saved
    whole = path.read_bytes()
    for end in (*range(0, len(whole), 7), len(whole) - 1):
        path.write_bytes(whole[:end])
        with pytest.raises(InputError, match="is damaged"):
            SparseNetwork.load(path)


def test_a_file_of_another_format_is_refused(tmp_path):
    path = tmp_path / "file"
    other = {"weight": np.zeros((3, 4), np.float32)}
    archive = io.BytesIO()
    np.savez(archive, **other)
    torch_file = io.BytesIO()
    torch.save({"weight": torch.zeros(3)}, torch_file)
    for content, message in (
        (save_tensors(other), "is not a network file"),
        (save_tensors(other, metadata={"format": "pt"}), "is not a network file"),
        (save_tensors(other, metadata={"network": "rlnas-network-1"}), "is damaged"),
        (save_tensors(other, metadata={"network": metadata()}), "is damaged"),
        (archive.getvalue(), "is damaged"),
        (torch_file.getvalue(), "is damaged"),
        (b"text\n", "is damaged"),
        (b"{}", "is damaged"),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=message):
            SparseNetwork.load(path)


@settings(max_examples=100)
@given(content=st.binary(max_size=400))
@example(b"")
@example(b"\xff" * 16)
def test_random_bytes_are_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "random.safetensors"
    path.write_bytes(content)
    with pytest.raises(InputError, match="is damaged"):
        SparseNetwork.load(path)


def rewrite(path, change=None, **texts: str) -> None:
    """Save the arrays of a valid file again after a change, with other metadata if given."""
    arrays = load_tensors(path.read_bytes())
    if change is not None:
        change(arrays)
    path.write_bytes(save_tensors(arrays, metadata={"network": metadata(**texts)}))


def test_a_file_that_is_rewritten_without_change_loads(saved):
    path, network = saved
    rewrite(path)
    loaded = SparseNetwork.load(path)
    assert loaded.indptr.tobytes() == network.indptr.tobytes()
    assert loaded.connections.tobytes() == network.connections.tobytes()


def put(name, where, value):
    """A change that sets some values of an array."""

    def change(arrays):
        arrays[name] = arrays[name].copy()
        arrays[name][where] = value

    return change


def become(name, convert):
    """A change that replaces an array."""

    def change(arrays):
        arrays[name] = np.ascontiguousarray(convert(arrays[name]))

    return change


def both(*changes):
    def change(arrays):
        for one in changes:
            one(arrays)

    return change


def without(name):
    return lambda arrays: arrays.pop(name)


# indices, by position: 0 2 | 2 | 0 3 | 4 | 3 5 6 | 0
BAD_ARRAYS = {
    "column beyond all units": put("indices", 9, 9),
    "largest column": put("indices", 9, 2**31 - 1),
    "negative column": put("indices", 2, -1),
    "most negative column": put("indices", 2, -(2**31)),
    "column of the same layer": put("indices", 5, 5),
    "column of the unit itself": put("indices", 5, 6),
    "column of a later layer": put("indices", 4, 7),
    "output that reads an output": put("indices", 9, 7),
    "unsorted columns": put("indices", slice(6, 8), [5, 3]),
    "duplicate columns": put("indices", slice(6, 8), [5, 5]),
    "hidden unit that reads nothing": both(
        put("indptr", 2, 2), put("indices", slice(2, 5), [0, 2, 3])
    ),
    "hidden unit that nothing reads": put("indices", 5, 3),
    "indptr not from 0": put("indptr", 0, 1),
    "indptr that falls": put("indptr", 3, 1),
    "indptr beyond the connections": put("indptr", 3, 1000),
    "indptr below the connections": put("indptr", -1, 9),
    "negative indptr": put("indptr", 1, -1),
    "indptr whose steps overflow": put("indptr", slice(1, 5), [2**31 - 1, -(2**31), -1, 5]),
    "NaN weight": put("connections", (VALUE, 3), np.nan),
    "infinite weight": put("connections", (VALUE, 3), np.inf),
    "infinite average": put("connections", (EMA, 0), -np.inf),
    "NaN moment": put("connections", (FIRST_MOMENT, 0), np.nan),
    "NaN bias": put("units", (VALUE, 0), np.nan),
    "infinite bias moment": put("units", (SECOND_MOMENT, 0), np.inf),
    "negative second moment": put("connections", (SECOND_MOMENT, 2), -1e-9),
    "negative second moment of a bias": put("units", (SECOND_MOMENT, 5), -1),
    "int64 indptr": become("indptr", lambda a: a.astype(np.int64)),
    "uint32 indices": become("indices", lambda a: a.astype(np.uint32)),
    "float indices": become("indices", lambda a: a.astype(np.float32)),
    "float64 weights": become("connections", lambda a: a.astype(np.float64)),
    "float16 weights": become("connections", lambda a: a.astype(np.float16)),
    "int32 biases": become("units", lambda a: a.astype(np.int32)),
    "boolean biases": become("units", lambda a: a > 0),
    "short indptr": become("indptr", lambda a: a[:-1]),
    "long indptr": become("indptr", lambda a: np.append(a, a[-1:])),
    "empty indptr": become("indptr", lambda a: a[:0]),
    "indptr of two dimensions": become("indptr", lambda a: a[:, None]),
    "indices of two dimensions": become("indices", lambda a: a[:, None]),
    "indices without dimension": become("indices", lambda a: np.array(a[0])),
    "few indices": become("indices", lambda a: a[:-1]),
    "no connections": become("connections", lambda a: a[:, :0]),
    "flat connections": become("connections", lambda a: a.ravel()),
    "three rows of state": become("connections", lambda a: a[:3]),
    "transposed biases": become("units", lambda a: a.T),
    "few biases": become("units", lambda a: a[:, :-1]),
    "no indptr": without("indptr"),
    "no indices": without("indices"),
    "no weights": without("connections"),
    "no biases": without("units"),
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_a_file_with_invalid_arrays_is_refused(saved, case):
    path, _ = saved
    rewrite(path, BAD_ARRAYS[case])
    with pytest.raises(InputError, match="is damaged") as caught:
        SparseNetwork.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "sizes",
    [
        *("", "[", "null", "5", '"3222"', "{}", "[]", "[9]", "[3, 2, 2]", "[3, 2, 2, 2, 1]"),
        *("[3, 2, 2, 3]", "[3, 2, 2, -2]", "[3, 4, 0, 2]", "[2, 2, 2, 2]", "[3, 2, 2, 2.0]"),
        *("[3, 2, 2, null]", "[3, 2, 2, [2]]", "[NaN, 2, 2, 2]", "[3, 2, 2, 1e999]"),
        *("[-3, 2, 2, 2]", "[3000000000, 2, 2, 2]", "[1" + "0" * 15 + ", 2, 2, 2]"),
        *("[1" + "0" * 30 + ", 2, 2, 2]", "[" + "9" * 5000 + ", 2, 2, 2]", "[" * 100_000),
        *("[1048577, 2, 2, 2]", "[3" + ", 1" * 300 + "]", "[" * 500 + "]" * 500),
        *("[3, 2, 2, 1000000000]", "[3, 1000000000, 2, 2]", "[2147483000, 2, 2, 2]"),
    ],
    ids=lambda text: text[:30],
)
def test_a_file_with_other_layer_sizes_is_refused_whatever_their_size(saved, sizes):
    path, _ = saved
    rewrite(path, layer_sizes=sizes)
    with pytest.raises(InputError, match="is damaged"):
        SparseNetwork.load(path)


@pytest.mark.parametrize(
    "steps", ["", "-1", "1.5", "NaN", "null", "[1]", "1" + "0" * 30, "9" * 5000]
)
def test_a_file_with_an_impossible_step_count_is_refused(saved, steps):
    path, _ = saved
    rewrite(path, steps=steps)
    with pytest.raises(InputError, match="is damaged"):
        SparseNetwork.load(path)


@pytest.mark.parametrize("dtype", ["BF16", "F8_E4M3", "F8_E5M2", "F4"])
def test_a_dtype_that_numpy_lacks_is_refused(saved, dtype):
    path, _ = saved
    whole = path.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    header = json.loads(whole[8 : 8 + length])
    start, stop = header["units"]["data_offsets"]
    values = (stop - start) * 8 // {"BF16": 16, "F4": 4}.get(dtype, 8)
    header["units"] |= {"dtype": dtype, "shape": [values]}
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + whole[8 + length :])
    with pytest.raises(InputError, match="is damaged"):
        SparseNetwork.load(path)


VALID = hand_made()


@st.composite
def damaged_files(draw) -> bytes:
    """A valid file with bytes replaced, removed, inserted or moved."""
    arrays = {name: getattr(VALID, name) for name in ("indptr", "indices", "connections", "units")}
    content = bytearray(save_tensors(arrays, metadata={"network": metadata()}))
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(content) - 1))
        new = draw(st.binary(min_size=1, max_size=4))
        kind = draw(st.sampled_from(["replace", "replace", "flip", "remove", "insert", "copy"]))
        if kind == "replace":
            content[place : place + len(new)] = new
        elif kind == "flip":
            content[place] ^= 1 << draw(st.integers(0, 7))
        elif kind == "remove":
            del content[place : place + draw(st.integers(1, 30))]
        elif kind == "insert":
            content[place:place] = new
        else:
            other = draw(st.integers(0, len(content) - 1))
            content[place : place + 4] = content[other : other + 4]
        if not content:
            break
    return bytes(content)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(content=damaged_files())
def test_a_damaged_file_gives_a_valid_network_or_an_input_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "damaged.safetensors"
    path.write_bytes(content)
    try:
        network = SparseNetwork.load(path)
    except InputError:
        return
    network.check()
    data = random_dataset(np.random.default_rng(0), network.n_inputs, network.n_outputs, 40)
    training.evaluate(network, data, data.validation)


# --- PyTorch ---


@pytest.mark.parametrize("averaged", [False, True])
@pytest.mark.parametrize("sizes", [(6, 3), (6, 9, 3), (6, 5, 7, 4, 3)])
def test_to_torch_gives_the_same_outputs(sizes, averaged):
    network = skip_network(sizes, np.random.default_rng(0))
    x = np.random.default_rng(1).normal(size=(1000, 6)).astype(np.float32)
    with torch.no_grad():
        outputs = to_torch(network, averaged=averaged)(torch.from_numpy(x)).numpy()
    truth = logits(network, x, averaged)
    assert np.abs(outputs - truth).max() <= 1e-5 * np.abs(truth).max()


def test_to_torch_uses_averaged_weights_by_default():
    network = skip_network((6, 5, 3), np.random.default_rng(0))
    x = torch.ones(2, 6)
    assert torch.equal(to_torch(network)(x), to_torch(network, averaged=True)(x))
    assert not torch.equal(to_torch(network)(x), to_torch(network, averaged=False)(x))


def test_to_torch_is_an_ordinary_module_that_pickles_saves_and_trains():
    network = skip_network((6, 5, 3), np.random.default_rng(0))
    module, before = to_torch(network), bits(network)
    assert isinstance(module, torch.nn.Module)
    x = torch.ones(4, 6)
    assert torch.equal(pickle.loads(pickle.dumps(module))(x), module(x))
    file = io.BytesIO()
    torch.save(module.state_dict(), file)
    file.seek(0)
    other = to_torch(skip_network((6, 5, 3), np.random.default_rng(1)))
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(other(x), module(x))
    module(x).sum().backward()
    assert all(parameter.grad is not None for parameter in module.parameters())
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.zero_()
    assert bits(network) == before


def test_to_torch_has_a_zero_for_every_inactive_connection():
    network = skip_network((6, 5, 4, 3), np.random.default_rng(0), density=0.3)
    weights, biases = dense(network, EMA)
    row = 0
    for layer in to_torch(network).layers:
        rows = slice(row, row + layer.out_features)
        found = layer.weight.detach().numpy()
        np.testing.assert_array_equal(found, weights[rows, : layer.in_features])
        np.testing.assert_array_equal(layer.bias.detach().numpy(), biases[rows])
        np.testing.assert_array_equal(found != 0, mask_of(network)[rows, : layer.in_features])
        row += layer.out_features

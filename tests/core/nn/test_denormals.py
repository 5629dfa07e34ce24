"""Denormal numbers count as zero in the compiled loops, and nowhere else."""

import llvmlite.binding as llvm
import numpy as np
import pytest
from llvmlite import ir

from rlnas import Batches, evaluate, load_dataset, random_network, sample_gradients, train
from rlnas.nn.kernels.denormals import write_flush, write_restore
from rlnas.nn.kernels.passes.adamw import Adam, adamw
from rlnas.nn.kernels.probe import correlate

TINY = np.finfo(np.float32).tiny
DENORMAL = np.full(64, TINY / 8, np.float32)


def learnt_by_heart():
    data = load_dataset("wine")
    rng = np.random.default_rng(0)
    network = random_network((data.n_features, 16, data.n_classes), 1.0, rng)
    train(network, data, Batches(data.train, rng).take(6000))
    assert evaluate(network, data, data.train, averaged=False).metric == 1
    return network, data


@pytest.fixture(scope="module")
def learnt():
    return learnt_by_heart()


def has_denormals(values):
    sizes = np.abs(values)
    return bool(((sizes > 0) & (sizes < TINY)).any())


def test_numpy_computes_with_denormals_before_and_after(learnt):
    network, data = learnt
    calls = {
        "before": lambda: None,
        "train": lambda: train(network.copy(), data, data.train[None, :8].astype(np.int32)),
        "evaluate": lambda: evaluate(network, data, data.validation),
        "probe": lambda: sample_gradients(network, data, data.train).summary(network),
    }
    for name, call in calls.items():
        call()
        assert ((DENORMAL + DENORMAL) == TINY / 4).all(), name


def test_a_long_training_leaves_no_denormals(learnt):
    network, data = learnt
    assert not has_denormals(network.connections)
    assert not has_denormals(network.units)
    assert not has_denormals(sample_gradients(network, data, data.train).deltas)


def test_gradients_of_a_sample_are_no_denormals():
    activations = np.full((3, 64), 1e-10, np.float32)
    deltas, gradients = np.full((2, 64), 1e-31, np.float32), np.ones((2, 3), np.float32)
    correlate(deltas, activations, np.array([2, 2], np.int32), gradients)
    assert has_denormals(deltas[0, :1] * activations[0, :1])
    assert not gradients.any()


@pytest.mark.parametrize(
    ("target", "instructions"),
    [
        ("x86_64-unknown-linux-gnu", {"stmxcsr": 1, "ldmxcsr": 2, "32832": 1}),  # FTZ and DAZ
        ("arm64-apple-darwin", {"mrs\t": 1, "msr\tFPCR": 2, "#0x1000000": 1}),  # FZ
        ("riscv64-unknown-linux-gnu", {"csr": 0, "fsflags": 0}),
    ],
)
def test_the_code_is_that_of_the_processor_it_is_compiled_for(target, instructions):
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    module = ir.Module("flush")
    module.triple = target
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), []), "flush")
    builder = ir.IRBuilder(function.append_basic_block())
    write_restore(builder, write_flush(builder))
    builder.ret_void()
    machine = llvm.Target.from_triple(target).create_target_machine()
    code = machine.emit_assembly(llvm.parse_assembly(str(module)))
    assert {text: code.count(text) for text in instructions} == instructions, code


def test_it_is_the_mode_that_flushes_them():
    """A step of the optimiser on its own, in NumPy's mode, squares a small gradient to one."""
    state, gradient = np.zeros((4, 8), np.float32), np.full(8, 1e-20, np.float32)
    adamw(state, gradient, 1, 0.01, Adam(0.9, 0.99, 1e-8, 0.0), 0.1)
    assert has_denormals(state)


def test_a_long_training_gives_the_same_bits_again(learnt):
    network, _ = learnt
    again, _ = learnt_by_heart()
    np.testing.assert_array_equal(again.connections, network.connections)

"""C code: many networks in one program, class names, a self-test, and its exact size."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rlnas.export.c.code import clear_samples, write_c
from rlnas.export.c.sizes import c_bytes
from rlnas.export.formats import as_exported
from rlnas.export.inference import Inference, for_inference
from tests.core.export.exported import STRICT
from tests.core.reference import random_dataset, skip_network

DATA = random_dataset(np.random.default_rng(3), features=12, classes=3)
FEATURES = DATA.features[DATA.test]


def network(seed: int, offset: float = 0, names: tuple[str, ...] = ("a", "b", "c")) -> Inference:
    inference = for_inference(
        skip_network((12, 7, 3), np.random.default_rng(seed)), DATA.preprocessing
    )
    offsets = np.where(np.arange(inference.inputs.size) < 2, offset, 0.0)
    ends = {"low": inference.low + offsets, "high": inference.high + offsets}
    return replace(inference, offset=offsets, class_names=names, **ends)


def run(folder: Path, *arguments: str | Path, compiler: str = "cc") -> str:
    """What a program prints; the compiler may have nothing to say, the program must end well."""
    subprocess.run([compiler, *arguments, "-o", folder / "program"], check=True, cwd=folder)
    done = subprocess.run([folder / "program"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    return done.stdout


every_form = pytest.mark.parametrize("form", ["c", "c-int8", "c-int"])


# --- many in one program ---

MANY = {
    "digits": (network(1), "c"),
    "digits_small": (network(1), "c-int8"),
    "int": (network(2), "c"),  # a name is only ever the beginning of one
    "far": (network(3, offset=1e8), "c"),
    "far_small": (network(3, offset=1e8), "c-int8"),
}
MAIN = """
#include <stdio.h>
int main(void) {
    %s
    return 0;
}
"""
ASK = """{
        NAME_feature x[MACRO_FEATURES] = { VALUES };
        printf("%d %s\\n", NAME_classify(x), NAME_class_name(MACRO_CLASSES - 1));
    }""".replace("VALUES", ", ".join(map(repr, FEATURES[0].tolist())))
TEST = """
    if (NAME_self_test()) {
        return 1;
    }"""


def for_each(text: str) -> str:
    """A text once for each of `MANY`."""
    return "".join(text.replace("NAME", n).replace("MACRO", n.upper()) for n in MANY)


@pytest.fixture
def many(tmp_path) -> Path:
    """A folder with several exports, and programs that ask each for a class and a name."""
    for name, (inference, form) in MANY.items():
        files, _ = write_c(inference, tmp_path, name, FEATURES, form)
        assert files == [f"{name}.c", f"{name}.h", f"{name}_test.c"]
    program = for_each('#include "NAME.h"\n') + MAIN % for_each(ASK)
    (tmp_path / "main.c").write_text(program)
    (tmp_path / "main.cpp").write_text(program)
    all_code = for_each('#define MACRO_NO_MAIN\n#include "NAME.c"\n#include "NAME_test.c"\n')
    (tmp_path / "unit.c").write_text(all_code + MAIN % for_each(ASK + TEST))
    return tmp_path


def answers() -> str:
    classes = [
        as_exported(each, form).logits(FEATURES[:1]).argmax() for each, form in MANY.values()
    ]
    return "".join(f"{k} c\n" for k in classes)


def test_several_networks_are_in_one_c_program(many):
    sources = [f"{name}.c" for name in MANY]
    assert run(many, *STRICT, "main.c", *sources) == answers()


def test_several_networks_are_in_one_translation_unit(many):
    assert run(many, *STRICT, "unit.c") == answers()


def test_several_networks_are_in_one_cpp_program(many):
    objects = [f"{name}.o" for name in MANY]
    for name in MANY:
        subprocess.run(["cc", *STRICT, "-c", f"{name}.c"], check=True, cwd=many)
    strict = ["-std=c++11", *STRICT[1:]]
    assert run(many, *strict, "main.cpp", *objects, compiler="c++") == answers()


# --- class names ---

HOSTILE = (
    'a"b',
    "back\\slash",
    "what??/",
    "*/ //",
    "new\nline\r\t",
    "%d %s ${name} %(name)s",
    "\x01\x02" + "3",  # a digit after an escape
    "naïve 数 🙂",
    "",
)


def test_class_names_with_any_characters_are_preserved(tmp_path):
    inference = for_inference(
        skip_network((12, 7, 9), np.random.default_rng(0)),
        random_dataset(np.random.default_rng(3), features=12, classes=9).preprocessing,
    )
    write_c(replace(inference, class_names=HOSTILE), tmp_path, "odd", FEATURES)
    show = 'for (k = -1; k <= ODD_CLASSES; k++) printf("[%s]", odd_class_name(k));'
    main = '#include "odd.h"\n' + MAIN % ("int k; " + show)
    (tmp_path / "main.c").write_text(main)
    subprocess.run(["cc", *STRICT, "main.c", "odd.c", "-o", "program"], check=True, cwd=tmp_path)
    shown = subprocess.run([tmp_path / "program"], capture_output=True, check=True).stdout
    assert shown.decode() == "".join(f"[{name}]" for name in ("", *HOSTILE, ""))
    (tmp_path / "main.cpp").write_text(main)
    subprocess.run(["c++", "-std=c++11", *STRICT[1:], "-c", "main.cpp"], check=True, cwd=tmp_path)


def test_class_name_that_is_no_unicode_is_escaped(tmp_path):
    write_c(network(1, names=("\udc80", "b", "c")), tmp_path, "odd", FEATURES)
    assert r'"\\udc80"' in (tmp_path / "odd.h").read_text()


def test_unused_class_names_take_no_memory(tmp_path):
    write_c(network(1, names=("unmistakable", "b", "c")), tmp_path, "one", FEATURES)
    subprocess.run(["cc", *STRICT, "-O0", "-c", "one.c"], check=True, cwd=tmp_path)
    assert b"unmistakable" not in (tmp_path / "one.o").read_bytes()


# --- self-test ---


@every_form
@pytest.mark.parametrize("offset", [0, 1e8])
def test_self_test_has_a_sample_of_each_class_and_passes(form, offset, tmp_path):
    inference = network(1, offset)
    features = FEATURES.astype(np.float64)
    features[:, inference.inputs] += inference.offset
    write_c(inference, tmp_path, "one", features, form)
    shown = run(tmp_path, *STRICT, "one_test.c", "one.c")
    assert shown == "one: 0 of 3 samples are wrong\n"
    text = (tmp_path / "one_test.c").read_text()
    assert re.search(r"one_expected\[3\] ONE_FLASH = \{\s+0, 1, 2\s", text)
    kind = "double" if offset else "float"
    assert f"static const {kind} one_samples[36]" in text


def test_self_test_counts_wrong_answers(tmp_path):
    write_c(network(1), tmp_path, "one", FEATURES)
    test = tmp_path / "one_test.c"
    test.write_text(test.read_text().replace("    0, 1, 2\n", "    0, 2, 1\n"))
    subprocess.run(["cc", *STRICT, "one_test.c", "one.c"], check=True, cwd=tmp_path)
    done = subprocess.run([tmp_path / "a.out"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == "one: 2 of 3 samples are wrong\n"


def test_self_test_has_clear_samples_one_per_class():
    inference = network(1)
    features = np.concatenate([FEATURES, np.full((1, 12), np.nan), np.full((1, 12), np.inf)])
    samples = clear_samples(inference, features)
    assert samples.dtype == np.float32
    logits = inference.logits(samples)
    assert logits.argmax(axis=1).tolist() == [0, 1, 2]
    every = inference.logits(FEATURES)
    for row, k in zip(logits, range(3), strict=True):
        of_class = np.sort(every[every.argmax(axis=1) == k], axis=1)
        assert np.diff(np.sort(row))[-1] == (of_class[:, -1] - of_class[:, -2]).max()


def test_without_a_clear_answer_there_is_no_self_test(tmp_path):
    inference = for_inference(
        skip_network((12, 3), np.random.default_rng(0), 1.0), DATA.preprocessing
    )
    same = replace(
        inference,
        weights=np.tile(inference.weights[:12], 3),
        biases=np.zeros(3, np.float32),
    )
    files, _ = write_c(same, tmp_path, "tie", FEATURES)
    assert files == ["tie.c", "tie.h"]
    assert "self_test" not in (tmp_path / "tie.h").read_text()
    subprocess.run(["cc", *STRICT, "-c", "tie.c"], check=True, cwd=tmp_path)
    assert len(clear_samples(network(1), np.full((2, 12), np.nan))) == 0


# --- size ---


@every_form
@pytest.mark.parametrize("offset", [0, 1e8])
def test_footprint_equals_size_of_constants(form, offset, tmp_path):
    inference = network(1, offset)
    _, footprint = write_c(inference, tmp_path, "one", FEATURES, form)
    assert footprint == c_bytes(inference, form)
    subprocess.run(["cc", *STRICT, "-O0", "-c", "one.c"], check=True, cwd=tmp_path)
    lines = subprocess.run(
        ["nm", "--print-size", "--defined-only", "one.o"],
        check=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    kinds = {line.split()[3]: (line.split()[2], int(line.split()[1], 16)) for line in lines}
    data = {name: size for name, (kind, size) in kinds.items() if kind not in "tT"}
    assert sum(data.values()) == footprint.flash
    assert {kind for kind, _ in kinds.values()} == {"r", "t", "T"}  # nothing can be written to
    assert all(name.startswith("one_") for name in kinds)
    inputs, hidden, outputs = inference.layer_sizes
    raw = (8 if offset else 4) * 12
    stack, features = {
        "c": (4 * (inputs + hidden + outputs), raw),
        "c-int8": (4 * (inputs + hidden + outputs), raw),
        "c-int": (2 * hidden + 4 * outputs, raw + 2 * inputs),
    }[form]
    assert (footprint.stack, footprint.features) == (stack, features)
    assert footprint.ram == stack + features


def test_double_features_are_refused_where_double_is_no_better_than_float(tmp_path):
    for offset, fails in ((1e8, True), (0, False)):
        write_c(network(1, offset), tmp_path, "one", FEATURES)
        small = ["-U__DBL_MANT_DIG__", "-D__DBL_MANT_DIG__=24"]
        command = ["cc", "-std=c99", *small, "-fsyntax-only", "one.c"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert ("need a double of 64 bits" in done.stderr) == fails
        assert (done.returncode != 0) == fails

"""C code on a simulated 8-bit ATmega328P: constants stay in flash, answers are right."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from rlnas.data.loading import load_dataset
from rlnas.export.c.code import AVR_FLASH, write_c
from rlnas.export.c.sizes import CForm, Footprint
from rlnas.export.formats import as_exported
from rlnas.export.inference import Inference, for_inference
from rlnas.nn.initialization import random_network
from tests.core.export.exported import STRICT
from tests.core.export.test_table_exports import CASE

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("avr-gcc", "avr-size", "simavr"))),
    reason="avr-gcc, avr-libc or simavr is absent (Debian: gcc-avr avr-libc simavr)",
)

RAM = 2048
MCU = "atmega328p"
DIGITS = load_dataset("digits")
FEATURES = DIGITS.features[DIGITS.test]
ROWS = 6

every_form = pytest.mark.parametrize("form", ["c", "c-int8", "c-int"])
CODE = {"c": 1100, "c-int8": 1700, "c-int": 1000}
"""Bytes of flash that code for features takes beside its constants, at most (docs/export.md)."""

# Classes of samples, then the number of wrong answers of the self-test, over the serial line.
MAIN = """
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/pgmspace.h>
#include <avr/sleep.h>
#include <math.h>
#include "digits.h"
#define IF_FLOATS(statements) FLOATS
static const digits_feature rows[][DIGITS_FEATURES] PROGMEM = { VALUES };
static void put(char c) {
    while (!(UCSR0A & (1 << UDRE0))) {
    }
    UDR0 = (unsigned char)c;
}
int main(void) {
    digits_feature row[DIGITS_FEATURES];
    unsigned k;
    UCSR0B = 1 << TXEN0;
    for (k = 0; k < sizeof rows / sizeof *rows; k++) {
        memcpy_P(row, rows[k], sizeof row);
        put((char)('0' + digits_classify(row)));
        IF_FLOATS(put((char)('0' + digits_valid(row)));)
    }
    IF_FLOATS(row[20] = NAN;
    put((char)('a' + digits_classify(row)));
    put((char)('0' + digits_valid(row)));)
    put((char)('0' + digits_self_test()));
    put('\\n');
    while (!(UCSR0A & (1 << UDRE0))) {
    }
    cli();
    sleep_enable();
    sleep_cpu();
    return 0;
}
"""


def design() -> Inference:
    """About 860 weights, which would take 6 KB of RAM."""
    network = random_network((64, 32, 10), 0.36, np.random.default_rng(0))
    assert 840 < network.active_weights < 880
    return for_inference(network, DIGITS.preprocessing)


def compiled(folder: Path, form: CForm, *sources: str) -> tuple[Footprint, Path]:
    """The program, of a design and other sources."""
    _, footprint = write_c(design(), folder, "digits", FEATURES, form)
    program = folder / "digits.elf"
    options = [f"-mmcu={MCU}", *STRICT, "-Os", "-fstack-usage", "-DDIGITS_NO_MAIN", "-o", program]
    subprocess.run(["avr-gcc", *options, "digits.c", *sources], check=True, cwd=folder)
    subprocess.run(["avr-gcc", *options[:-2], "-c", "digits.c"], check=True, cwd=folder)
    return footprint, program


def sections(program: Path) -> dict[str, int]:
    """Bytes of each section that is in flash or RAM."""
    command = ["avr-size", "-A", program]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = [line.split() for line in shown.splitlines() if line.startswith(".")]
    return {name: int(size) for name, size, _ in lines}


@every_form
def test_constants_stay_in_flash(form, tmp_path):
    (tmp_path / "main.c").write_text(
        '#include "digits.h"\nvolatile int k; static digits_feature x[DIGITS_FEATURES];\n'
        "int main(void) { k = digits_classify(x); return 0; }\n"
    )
    footprint, program = compiled(tmp_path, form, "main.c")
    sizes = sections(program)
    variables = footprint.features + 2  # of the program itself
    assert footprint.features == (64 if form == "c-int" else 4 * 64)
    assert sizes.get(".data", 0) + sizes.get(".bss", 0) == variables
    assert footprint.flash < sizes[".text"] < footprint.flash + 3000
    code = sections(tmp_path / "digits.o")
    assert code[".progmem.data"] == footprint.flash
    assert code[".text"] <= CODE[form]
    usage = {
        line.split()[0].rpartition(":")[2]: int(line.split()[1])
        for line in (tmp_path / "digits.su").read_text().splitlines()
    }
    used = usage["digits_classify"] + (usage["digits_logits"] if form != "c" else 0)
    assert footprint.stack <= used <= footprint.stack + 64
    assert variables + sum(usage.values()) < RAM


@every_form
def test_classes_equal_python_classes(form, tmp_path):
    inference = as_exported(design(), form)
    logits = inference.logits(FEATURES)
    second, first = np.sort(logits, axis=1)[:, -2:].T
    clear = inference.given(FEATURES[first - second > 1e-3][:ROWS])
    values = ",\n".join("{" + ", ".join(map(repr, row.tolist())) + "}" for row in clear)
    floats = "\n" if form == "c-int" else "statements\n"
    (tmp_path / "main.c").write_text(MAIN.replace("VALUES", values).replace("FLOATS\n", floats))
    _, program = compiled(tmp_path, form, "digits_test.c", "main.c")
    run = ["simavr", "-m", MCU, "-f", "16000000", program]
    done = subprocess.run(run, check=True, capture_output=True, text=True, timeout=60)
    classes = inference.logits(clear).argmax(axis=1)
    assert len(set(classes)) > 2
    assert 20 in design().inputs
    expected = "".join(f"{k}" for k in classes) + "0"
    if form != "c-int":
        unknown = chr(ord("a") - 1)
        expected = "".join(f"{k}1" for k in classes) + f"{unknown}00"
    assert expected in done.stdout + done.stderr


ROWS_MAIN = """
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include "shop.h"
static void put(char c) {
    while (!(UCSR0A & (1 << UDRE0))) {
    }
    UDR0 = (unsigned char)c;
}
int main(void) {
    shop_row row;
    shop_feature features[SHOP_FEATURES];
    UCSR0B = 1 << TXEN0;
    ROWS
    put((char)('0' + shop_self_test()));
    put((char)('0' + shop_colour_from_text("red")));
    put('\\n');
    while (!(UCSR0A & (1 << UDRE0))) {
    }
    cli();
    sleep_enable();
    sleep_cpu();
    return 0;
}
"""
ROW = """
    {
        const volatile shop_row given = { VALUES };
        row = given;
        shop_encode(&row, features);
        put((char)('0' + shop_classify(features)));
    }"""


def in_c(codes: list[float]) -> str:
    """A row of `CASE` without its last column, which is not read."""
    age, since, *flags = codes[:5]
    numbers = ["(0.0f / 0.0f)" if value != value else f"{value!r}f" for value in (age, since)]
    kinds = ["signed char", "enum shop_colour", "enum shop_size"]
    whole = [-1 if value != value else int(value) for value in flags]
    return ", ".join([*numbers, *(f"({k}){v}" for k, v in zip(kinds, whole, strict=True))])


@every_form
def test_rows_of_a_table_get_python_classes_and_constants_stay_in_flash(form, tmp_path):
    _, footprint = write_c(CASE.inference, tmp_path, "shop", CASE.codes, form)
    logits = as_exported(CASE.inference, form).logits(CASE.codes)
    second, first = np.sort(logits, axis=1)[:, -2:].T
    rows = np.flatnonzero(first - second > 1e-3)
    assert np.isnan(CASE.codes[rows]).any(axis=0).all()
    program = "".join(ROW.replace("VALUES", in_c(row)) for row in CASE.codes[rows].tolist())
    (tmp_path / "main.c").write_text(ROWS_MAIN.replace("ROWS", program))
    options = [f"-mmcu={MCU}", *STRICT, "-Os", "-DSHOP_NO_MAIN", "-o", "shop.elf"]
    sources = ["main.c", "shop.c", "shop_test.c"]
    subprocess.run(["avr-gcc", *options, *sources], check=True, cwd=tmp_path)
    run = ["simavr", "-m", MCU, "-f", "16000000", tmp_path / "shop.elf"]
    done = subprocess.run(run, check=True, capture_output=True, text=True, timeout=60)
    classes = logits[rows].argmax(axis=1)
    assert len(set(classes)) == 3
    assert "".join(map(str, classes)) + "00" in done.stdout + done.stderr
    subprocess.run(
        ["avr-gcc", *options[:-2], "-c", "shop.c", "shop_test.c"], check=True, cwd=tmp_path
    )
    for part in ("shop.o", "shop_test.o"):
        assert sections(tmp_path / part).get(".data", 0) == 0
        assert sections(tmp_path / part).get(".rodata", 0) == 0
    assert footprint.flash == sections(tmp_path / "shop.o")[".progmem.data"]


def test_unsupported_avr_code_fails_to_compile(tmp_path):
    inference = design()
    far = replace(inference, offset=np.full(inference.inputs.size, 1e8))
    network = random_network((64, 160, 10), 1.0, np.random.default_rng(0))
    large = for_inference(network, DIGITS.preprocessing)
    for name, each, message in (
        ("far", far, "need a double of 64 bits"),
        ("large", large, "bytes of constants are beyond 16-bit addresses"),
    ):
        _, footprint = write_c(each, tmp_path, name, FEATURES)
        assert (footprint.flash > AVR_FLASH) == (name == "large")
        command = ["avr-gcc", f"-mmcu={MCU}", "-std=c99", "-fsyntax-only", f"{name}.c"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode != 0
        assert message in done.stderr

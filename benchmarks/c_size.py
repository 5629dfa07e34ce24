"""Memory of exported C code, by format: what compilers make of it, and how many classes change.

    rlnas design mnist --out designs/mnist
    rlnas design digits --out designs/digits
    python benchmarks/c_size.py designs/mnist designs/digits

Flash is a whole program (`size`) that classifies one sample, with what it needs of the library of
the compiler: routines for floating point, for instance. RAM is the arrays of features
(`rlnas.c_bytes`) and the stack of `classify` (`-fstack-usage`). The time is that of one sample on
the simulated ATmega328P (simavr) at 16 MHz. Tools that are not installed are left out (Debian:
gcc-avr, avr-libc, gcc-arm-none-eabi, simavr).
"""

import re
import shutil
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from rlnas import (
    Inference,
    as_exported,
    c_bytes,
    export_network,
    for_inference,
    load_dataset,
    load_design,
    markdown_table,
)

FORMATS = ("c", "c-int8", "c-int")

DEVICES = {
    "cortex-m0": ("arm-none-eabi-", ("-mcpu=cortex-m0", "-mthumb", "--specs=nosys.specs")),
    "atmega328p": ("avr-", ("-mmcu=atmega328p",)),
}
"""Prefix of the tools for a device, and options of its compiler."""

MAIN = """
#include "network.h"
int main(void) { return network_classify((const network_feature *)0x200); }
#if defined(__arm__)
void _start(void) { main(); for (;;) { } }
#endif
"""

TIMED = """
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <stdio.h>
#include "network.h"
static network_feature features[NETWORK_FEATURES];
static volatile unsigned overflows;
volatile int answer;
ISR(TIMER1_OVF_vect) { overflows++; }
static int put(char c, FILE *to) {
    (void)to;
    while (!(UCSR0A & (1 << UDRE0))) { }
    UDR0 = (unsigned char)c;
    return 0;
}
int main(void) {
    unsigned long cycles;
    unsigned k;
    fdevopen(put, 0);
    UCSR0B = 1 << TXEN0;
    for (k = 0; k < NETWORK_FEATURES; k++) features[k] = (network_feature)(k % 16);
    TIMSK1 = 1 << TOIE1;
    sei();
    TCCR1B = 1 << CS10;
    answer = network_classify(features);
    k = TCNT1;
    cycles = ((unsigned long)overflows << 16) + k;
    printf("cycles %lu\\n", cycles);
    while (!(UCSR0A & (1 << UDRE0))) { }
    cli();
    sleep_enable();
    sleep_cpu();
    return 0;
}
"""


@dataclass(frozen=True)
class Settings:
    """The designs."""

    designs: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Folders written by `rlnas design`."""
    data_dir: Path | None = None
    """Folder with IDX files, searched first."""


class TooLarge(Exception):
    """A program does not fit into its device."""


def program(folder: Path, device: str, source: str) -> Path:
    """A program for a device, of the code in a folder and a file with `main`.

    Raises:
        TooLarge: The program does not fit into the device.
    """
    prefix, options = DEVICES[device]
    (folder / "main.c").write_text(source)
    common = ["-std=gnu99", "-Os", "-fstack-usage", "-ffunction-sections", "-Wl,--gc-sections"]
    start = ["-nostartfiles"] if device == "cortex-m0" else []
    command = [f"{prefix}gcc", *options, *common, *start, "main.c", "network.c", "-o", "program"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if "is not within region" in done.stderr or "will not fit in region" in done.stderr:
        raise TooLarge
    if done.returncode:
        raise RuntimeError(done.stderr)
    return folder / "program"


def memory(folder: Path, device: str, calls: set[str]) -> tuple[int, int]:
    """Bytes of flash, and of variables and stack, of a program with the code in a folder.

    Args:
        folder: Where the code is.
        device: One of `DEVICES`.
        calls: Functions whose frames are on the stack at the same time.
    """
    made = program(folder, device, MAIN)
    command = [f"{DEVICES[device][0]}size", made]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    text, data, bss = map(int, shown.splitlines()[1].split()[:3])
    usage = next(folder.glob("*network.su")).read_text()  # where, depends on the compiler
    frames = dict(re.findall(r":network_(\w+)\t(\d+)", usage))
    return text + data, data + bss + sum(int(frames[name]) for name in calls)


def milliseconds(folder: Path) -> float | None:
    """Time of one sample on an ATmega328P at 16 MHz; None if the program does not fit into it."""
    try:
        made = program(folder, "atmega328p", TIMED)
    except TooLarge:
        return None
    command = ["simavr", "-m", "atmega328p", "-f", "16000000", made]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    cycles = re.search(r"cycles (\d+)", done.stdout + done.stderr)
    return int(cycles[1]) / 16_000 if cycles else None


def changed(inference: Inference, form: str, features: np.ndarray) -> float:
    """Share of samples whose class is not that of the network in floating point."""
    classes = (
        each.logits(features).argmax(axis=1) for each in (inference, as_exported(inference, form))
    )
    before, after = classes
    return float(np.mean(before != after))


def rows_of(folder: Path, data_dir: Path | None) -> list[dict[str, str]]:
    """A row of the table for each format of a design."""
    design = load_design(folder)
    data = load_dataset(design.record["dataset"], data_dir=data_dir)
    inference = for_inference(design.network, design.preprocessing)
    # a data set has the features that the rules of a table make, less their offsets
    offset = inference.offset
    ends = {"low": inference.low - offset, "high": inference.high - offset}
    same = replace(inference, encoding=None, offset=np.zeros_like(offset), **ends)
    features = data.features[data.test]
    rows = []
    for form in FORMATS:
        calls = {"classify"} if form == "c" else {"classify", "logits"}
        with tempfile.TemporaryDirectory() as place:
            export_network(
                inference, form, Path(place), "network", np.zeros((0, inference.n_columns))
            )
            row = {
                "design": f"{data.name}, {inference.weights.size:,} weights",
                "format": f"`{form}`",
                "constants": f"{c_bytes(inference, form).flash:,}",
            }
            for device, (prefix, _) in DEVICES.items():
                if shutil.which(f"{prefix}gcc"):
                    cells = ["too large", ""]
                    with suppress(TooLarge):
                        flash, ram = memory(Path(place), device, calls)
                        cells = [f"{flash:,}", f"{ram + c_bytes(inference, form).features:,}"]
                    row[f"{device}: flash"], row[f"{device}: RAM"] = cells
            if shutil.which("avr-gcc") and shutil.which("simavr"):
                took = milliseconds(Path(place))
                row["ms a sample"] = "" if took is None else f"{took:.1f}"
            row["other classes"] = f"{changed(same, form, features):.2%} of {len(features):,}"
            rows.append(row)
    return rows


if __name__ == "__main__":
    chosen = tyro.cli(Settings)
    table = [row for folder in chosen.designs for row in rows_of(folder, chosen.data_dir)]
    heads = list(table[0])
    print(markdown_table(heads, [[row[head] for head in heads] for row in table]))

"""Time to classify one sample with a design: exported C code, onnxruntime and PyTorch.

    rlnas design mnist --out designs/mnist
    python benchmarks/latency.py designs/mnist

Each runs on one thread, and classifies one sample at a time.
"""

import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import onnxruntime
import torch
import tyro

from rlnas import as_exported, export_network, for_inference, load_dataset, load_design

REPEATS = 5
"""Measurements, of which the fastest is reported."""

MAIN = """
#include "network.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
int main(int argc, char **argv) {
    long n = atol(argv[2]), k;
    const size_t size = sizeof(network_feature) * NETWORK_FEATURES;
    network_feature *x = malloc(size * n);
    FILE *file = fopen(argv[1], "rb");
    struct timespec a, b;
    long sum = 0;
    if (argc != 3 || !x || !file) return 1;
    if (fread(x, size, n, file) != (size_t)n) return 1;
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (k = 0; k < n; k++) sum += network_classify(x + k * NETWORK_FEATURES);
    clock_gettime(CLOCK_MONOTONIC, &b);
    printf("%.9f %ld", (b.tv_sec - a.tv_sec) + 1e-9 * (b.tv_nsec - a.tv_nsec), sum);
    return 0;
}
"""


@dataclass(frozen=True)
class Settings:
    """The design and the samples."""

    design: Annotated[Path, tyro.conf.Positional]
    """Folder written by `rlnas design`."""
    dataset: str | None = None
    """Data set whose test samples are classified; by default that of the design."""
    samples: int = 2000
    """Number of test samples."""
    data_dir: Path | None = None
    """Folder with IDX files, searched first."""


def seconds_of_c(folder: Path, rows: np.ndarray) -> float:
    """Seconds to classify all rows with the C code in a folder, compiled with -O2."""
    (folder / "main.c").write_text(MAIN)
    rows.tofile(folder / "rows")
    program = folder / "run"
    sources = [folder / "main.c", folder / "network.c"]
    subprocess.run(["cc", "-O2", "-o", program, *sources], check=True)
    done = subprocess.run(
        [program, folder / "rows", str(len(rows))], capture_output=True, check=True
    )
    return float(done.stdout.split()[0])


def seconds_of(classify: Callable[[np.ndarray], object], rows: np.ndarray) -> float:
    """Seconds to classify all rows with one call each."""
    began = time.perf_counter()
    for k in range(len(rows)):
        classify(rows[k : k + 1])
    return time.perf_counter() - began


def main(settings: Settings) -> None:
    """Export the design, and print a table of the times."""
    design = load_design(settings.design)
    network = design.network
    name = settings.dataset or design.record["dataset"]
    data = load_dataset(name, data_dir=settings.data_dir)
    inference = for_inference(network, design.preprocessing)
    rows = data.features[data.test[: settings.samples]].astype(inference.dtype)
    torch.set_num_threads(1)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    print(f"{network.active_weights:,} weights, layers {network.layer_sizes}")
    print("| | us a sample | constants, bytes |")
    print("|---|---|---|")
    with tempfile.TemporaryDirectory() as place, torch.inference_mode():
        folder = Path(place)
        for form in ("c", "c-int8", "c-int"):
            facts = export_network(inference, form, folder / form, "network", rows)
            given = as_exported(inference, form).given(rows)
            best = min(seconds_of_c(folder / form, given) for _ in range(REPEATS))
            print(f"| {form} | {best / len(rows) * 1e6:.2f} | {facts['flash']:,} |")
        for form in ("onnx", "torch"):
            export_network(inference, form, folder, "network", rows)
        session = onnxruntime.InferenceSession(folder / "network.onnx", options)
        module = torch.export.load(folder / "network.pt2").module()
        rivals: dict[str, Callable[[np.ndarray], object]] = {
            "onnxruntime": lambda row: session.run(["logits"], {"features": row}),
            "torch": lambda row: module(torch.from_numpy(row)),
        }
        for form, classify in rivals.items():
            best = min(seconds_of(classify, rows) for _ in range(REPEATS))
            print(f"| {form} | {best / len(rows) * 1e6:.2f} | |")


if __name__ == "__main__":
    main(tyro.cli(Settings))

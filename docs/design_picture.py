"""The picture of a design in the README: its connections, and the pixels that they read.

python docs/design_picture.py runs/frontier-mnist/designs/0.1-0-*
"""

import sys
from math import isqrt
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from rlnas import SavedDesign, draw_network, for_inference, load_design


def input_strength(design: SavedDesign) -> np.ndarray:
    """float64 `[n_features]`: summed magnitude of the weights that read each feature."""
    inference = for_inference(design.network, design.preprocessing)
    from_input = inference.indices < inference.inputs.size
    return np.bincount(
        inference.inputs[inference.indices[from_input]],
        np.abs(inference.weights[from_input]),
        minlength=inference.n_features,
    )


if __name__ == "__main__":
    design = load_design(sys.argv[1])
    figure = Figure(figsize=(14, 5), dpi=100, layout="constrained")
    connections, pixels = figure.subplots(1, 2)
    draw_network(design.network, connections)
    side = isqrt(design.network.n_inputs)
    image = pixels.imshow(input_strength(design).reshape(side, side), cmap="magma")
    pixels.set(title="summed size of the weights", xticks=[], yticks=[])
    figure.colorbar(image, ax=pixels)
    path = Path(__file__).with_name("design.png")
    figure.savefig(path, metadata={"Software": None})  # the same bytes every time

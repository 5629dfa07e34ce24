"""The picture of a design in the README: its connections, and the pixels that they read.

python docs/design_picture.py runs/frontier-mnist/designs/0.1-0-*
"""

import sys
from math import isqrt
from pathlib import Path

from rlnas import network_views, plots
from rlnas.designs.saved import load_design
from rlnas.files.atomic import replace_file

if __name__ == "__main__":
    network = load_design(sys.argv[1]).network
    drawn, (connections, pixels) = plots.figure(14, 5, columns=2)
    network_views.draw_network(network, connections)
    strength = network_views.input_strength(network)
    network_views.draw_pixels(
        strength, isqrt(network.n_inputs), pixels, "summed size of the weights"
    )
    replace_file(Path(__file__).with_name("design.png"), plots.png(drawn))

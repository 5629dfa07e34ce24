"""Networks as one sparse matrix: structure, edits, training, gradients, proxies of accuracy."""

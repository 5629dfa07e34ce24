"""Sparse training at a given number of weights: the rivals of a design."""

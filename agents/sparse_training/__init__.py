"""Sparse trainings: from scratch to a given number of weights, what designs are compared with."""

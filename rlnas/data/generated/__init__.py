"""Data sets that are generated from their names."""

"""Designs on disk: one in a folder, or all of a run in a database."""

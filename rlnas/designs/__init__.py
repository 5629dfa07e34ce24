"""Designs on disk: one design in a folder, or all designs of a run in a database."""

"""Data sets: reading, checking, splitting and standardizing samples."""

"""Trained policies: their files, feature extractors, environments and episodes."""

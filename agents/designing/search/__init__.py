"""Searching for a design within limits: trials, unions of their networks, and the best of them."""

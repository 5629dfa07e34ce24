"""The command line `rlnas`."""

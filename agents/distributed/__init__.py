"""Environments and tasks on many processors or machines."""

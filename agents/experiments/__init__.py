"""Experiments: comparisons and studies that write tables and plots."""

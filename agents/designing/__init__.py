"""Designing with a trained policy, and what follows: tests, exports, reports."""

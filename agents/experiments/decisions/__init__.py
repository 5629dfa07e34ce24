"""Policies, rules, portfolios and searches in the same episodes with a budget."""

"""Search strategies for architectures: each spends the budget of a `Problem`."""

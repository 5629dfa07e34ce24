"""Episodes on the family of tasks, where results are looked up."""

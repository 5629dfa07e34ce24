"""`rlnas benchmark`: evaluate policies on many tasks, build tables, measure reference scores."""

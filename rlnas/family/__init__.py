"""The family of tasks: many data sets, with results of every architecture of a space on each."""

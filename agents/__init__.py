"""Controllers: training, evaluation, the command line."""

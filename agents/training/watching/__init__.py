"""What one sees of a training: tags and their meaning, hyperparameters, evaluations."""

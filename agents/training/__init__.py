"""Training a design policy by PPO, with checkpoints from which it resumes exactly."""

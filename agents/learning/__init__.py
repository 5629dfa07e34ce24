"""PPO over arrays: models of Stable-Baselines3 that collect and update without PyTorch."""

"""The environments: actions, observations, design episodes."""

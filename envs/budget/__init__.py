"""Episodes with a budget of training cost and an anytime score."""

"""What the episodes of a search are made of: sequences of actions, and budgets of their own."""

"""Do decisions matter: rules, fixed sequences and searches in episodes with a budget."""

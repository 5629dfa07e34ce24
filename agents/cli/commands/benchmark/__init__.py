"""`rlnas benchmark`: build tables and their data cards, measure reference scores."""

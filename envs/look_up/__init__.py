"""What the environments share whose results are looked up in tables: on one task, on a family."""

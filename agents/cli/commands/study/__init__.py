"""`rlnas study`: studies that write a table and a plot."""

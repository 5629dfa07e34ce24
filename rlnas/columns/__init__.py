"""The rules that make features of the columns of a table, and classes of its target."""

"""Tables of named columns: read from files and data frames, and turned into numbers."""

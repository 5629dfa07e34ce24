"""Reports of runs and designs: one HTML page each."""

"""`rlnas data`: list the data sets, download one."""

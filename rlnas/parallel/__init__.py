"""Work on all cores: jobs in processes or on a cluster, calls in threads."""

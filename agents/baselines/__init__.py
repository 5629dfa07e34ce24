"""Search strategies of the field, one a file; each is a function of a problem."""

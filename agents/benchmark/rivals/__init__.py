"""Rivals of a design policy: rules, sequences, portfolios and searches, and learned policies."""

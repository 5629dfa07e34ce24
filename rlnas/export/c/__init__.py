"""Networks as C99 code: with floating point, with int8 weights, or with integers only."""

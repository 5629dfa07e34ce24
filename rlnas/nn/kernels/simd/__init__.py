"""The innermost loops, in vector registers: gathering, and one row or a team forward and backward.

Numba offers no way to keep an accumulator in vector registers over a loop, nor to transpose in
them, and that is where the time goes. So these functions are written in LLVM's own terms: a tile
is `TILE` samples, eight floats a register, or sixteen where each sample is computed for itself and
the processor has such registers; each connection is one broadcast and one fused multiply-add a
register. Beside those for a row and for gathering is a plain function with the same arguments and
the same effect, but for the rounding of sums; a team has the bits of its rows.
"""

#!/usr/bin/env python3
"""Derives the polynomial coefficients in kernels/generic/math.hpp and says whether the header holds the same floats.

A developer's script (needs numpy); no build and no test runs it.
"""
import math
import pathlib
import re
import sys

import numpy as np
from numpy.polynomial import chebyshev

HEADER = pathlib.Path(__file__).resolve().parents[2] / "kernels" / "generic" / "math.hpp"


def fit(function, low, high, degree, nodes):
    """The coefficients, ascending, of a polynomial in u in [-1, 1], where x = (low + high) / 2 + (high - low) / 2 u.

    Least squares at Chebyshev nodes: within a few percent of the minimax polynomial, without Remez's iterations.
    """
    u = np.cos((2 * np.arange(nodes) + 1) * np.pi / (2 * nodes))
    x = (low + high) / 2 + (high - low) / 2 * u
    y = np.array([function(value) for value in x])
    return chebyshev.cheb2poly(chebyshev.chebfit(u, y, degree))


def exp_remainder(r):
    """(e^r - 1 - r) / r^2 by its series, which has no cancellation."""
    return math.fsum(r**k / math.factorial(k + 2) for k in range(25))


def phi_odd_part(t):
    """p with Phi(x) = 1/2 + x p(x^2), Phi the normal distribution function."""
    x = math.sqrt(t)
    return 0.5 * math.erf(x / math.sqrt(2)) / x


def exp_coefficients():
    # A little wider than |r| <= ln 2 / 2: n is rounded from x / ln 2 in floats.
    limit = math.log(2) / 2 * 1.0005
    in_u = fit(exp_remainder, -limit, limit, degree=4, nodes=300)
    return [np.float32(c / limit**i) for i, c in enumerate(in_u)]


def exp2_remainder(r):
    """(2^r - 1) / r by its series."""
    return math.fsum(math.log(2) ** (k + 1) * r**k / math.factorial(k + 1) for k in range(30))


def exp2_coefficients():
    limit = 0.5 * 1.0005
    in_u = fit(exp2_remainder, -limit, limit, degree=5, nodes=300)
    return [np.float32(c / limit**i) for i, c in enumerate(in_u)]


def phi_coefficients():
    return [np.float32(c) for c in fit(phi_odd_part, 0.0, 5.5**2, degree=16, nodes=400)]


def floats_in(text):
    return [np.float32(number) for number in re.findall(r"-?\d+\.\d+(?:e-?\d+)?(?=F)", text)]


def main():
    source = HEADER.read_text()
    exp_body = source[source.index("F32 p = Isa::set1("):source.index("p = Isa::add(Isa::fma(p, Isa::mul(r, r), r)")]
    exp2_body = source[source.index("const F32 r = Isa::sub(x, n);"):source.index("p = Isa::fma(p, r, Isa::set1(1.0F));")]
    phi_body = source[source.index("kPhi[17] = {"):]
    same = True
    for name, derived, stated in (
        ("exp: p(r), ascending", exp_coefficients(), floats_in(exp_body)[::-1]),
        ("exp2: p(r), ascending", exp2_coefficients(), floats_in(exp2_body)[::-1]),
        ("Phi: p(s), ascending", phi_coefficients(), floats_in(phi_body[: phi_body.index("}")])),
    ):
        agrees = derived == stated
        same = same and agrees
        print(name, "- the header has the same" if agrees else "- THE HEADER DIFFERS: " + ", ".join(map(str, stated)))
        print("  " + ", ".join(map(str, derived)))
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())

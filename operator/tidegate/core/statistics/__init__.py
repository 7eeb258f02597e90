"""Judging rates from counts: tests that stay right however often one looks. Pure arithmetic on `math` alone."""

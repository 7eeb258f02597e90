"""Which numbers are written on which route."""

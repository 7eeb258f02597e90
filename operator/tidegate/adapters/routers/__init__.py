"""One file for each kind of router."""

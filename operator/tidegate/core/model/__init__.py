"""What decisions are made of: pure data, and the few rules that belong to it alone."""

"""What must be true before a raise."""

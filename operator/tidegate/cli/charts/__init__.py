"""What every picture of this tool is made of."""

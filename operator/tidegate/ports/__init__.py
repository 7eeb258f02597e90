"""What the loop needs of the world, as tiny protocols, and the errors they raise. No code that does anything."""

"""The life of a run: its start, steps and checkpoints, what interrupts it, its promotion and its end."""

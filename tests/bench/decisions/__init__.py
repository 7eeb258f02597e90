"""How well rules judge a candidate: simulated rollouts, Tidegate's rules beside those of others. `python -m tests.bench decisions`."""

"""Is a limit met: each limit judged on the samples, over time, beside the other arm, and without data."""

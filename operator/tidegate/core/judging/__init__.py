"""Is a limit met: each line judged on the samples, over time, beside the other arm, and without data."""

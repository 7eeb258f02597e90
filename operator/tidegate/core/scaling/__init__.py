"""How many pods the candidate needs, and the one way in which their number is set. When it is asked for is the run's business."""

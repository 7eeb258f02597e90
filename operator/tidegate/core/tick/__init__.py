"""The context of one tick: the observation, the memory and the plan while it is being made."""

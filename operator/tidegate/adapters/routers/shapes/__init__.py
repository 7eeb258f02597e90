"""The shapes in which routers hold weights: weighted lists, one number of two, text in an annotation, and those of their own.

A shape finds rules, backends and numbers in an object; where they stand and what they mean is the row's data (`rows/`).
"""

"""Presets: queries to well-known systems' metrics, written once and checked against samples of them.

A module for each system, plain data; `registry` knows them all, `resolving` makes an ordinary metric of one, `page` the
documentation. What the operator judges never knows that a metric began as a preset.
"""

"""Kopf decorators, and nothing else: each says what woke whom."""

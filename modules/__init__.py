"""Constructs: one purpose a file. None reads settings or the environment."""

"""Measurements of a running system, each with the command that makes it."""

"""Reasoning as data: descriptions of what is seen, and the three steps to music, record by record."""

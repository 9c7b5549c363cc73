"""Figures of merit, computed one way for every model card."""

"""How the studio weights were made."""

"""Four pieces, one for each quadrant of feeling, and how they were made."""

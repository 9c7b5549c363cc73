"""What every server of Luce shares."""

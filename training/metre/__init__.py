"""The metre classifier: how music repeats at multiples of its pulse, to the metre and the level of the beat."""

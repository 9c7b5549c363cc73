"""The command line: `luce`."""

"""The one place that holds the version of Luce."""

__version__ = "0.1.0"

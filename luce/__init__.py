"""Luce."""

"""Generated from protos/luce/v1 by `make proto`; do not edit."""

"""Checkpoints from one layout to another."""

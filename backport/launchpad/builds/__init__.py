"""Builds on Launchpad: their states, logs and files."""

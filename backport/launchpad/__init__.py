"""Launchpad: publication records, uploads, bugs."""

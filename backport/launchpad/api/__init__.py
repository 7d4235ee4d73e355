"""Launchpad's web service over HTTP: log in, read, write, try again."""

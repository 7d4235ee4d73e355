"""Make, prove and upload an Ubuntu stable release update from one recipe."""

__version__ = "0.1.0"

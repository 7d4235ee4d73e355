"""Make, prove and upload an Ubuntu stable release update from one recipe."""

__version__ = "0.2.0"

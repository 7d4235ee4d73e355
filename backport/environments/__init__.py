"""What packages are built and tested on: a series' archive, or its stand-in."""

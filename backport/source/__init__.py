"""Source packages: fetched, patched, edited and made, one a source and series."""

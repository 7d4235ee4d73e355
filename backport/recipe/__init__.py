"""backport.toml as frozen data, and the versions that follow from it."""

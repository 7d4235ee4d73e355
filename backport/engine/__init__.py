"""Steps and the folders that they leave: store, execution, processes, what a run tells."""

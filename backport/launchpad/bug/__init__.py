"""The bug of an update: its text, tasks, tags and comments."""

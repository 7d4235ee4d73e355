"""What two renewals at the same time do, how often, and what each remedy changes."""

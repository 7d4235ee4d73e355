"""What makes an update believable: evidence, the checklist, the comment, the report."""

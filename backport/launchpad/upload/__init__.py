"""Sign a source package, check it, and send it to a PPA."""

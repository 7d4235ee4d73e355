"""The build user, and the namespaces in which programs run as him and not as root."""

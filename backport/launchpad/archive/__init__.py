"""What the archive has, by Launchpad's publication records."""

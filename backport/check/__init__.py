"""What can be wrong with an update, found before a build machine or a reviewer finds it."""

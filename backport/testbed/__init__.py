"""autopkgtest runs in testbeds with a running systemd."""

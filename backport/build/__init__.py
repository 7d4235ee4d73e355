"""Binary packages, built in clean chroots."""

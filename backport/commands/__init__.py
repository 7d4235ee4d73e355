"""The subcommands, one module a group: their options, and thin functions that call the rest."""

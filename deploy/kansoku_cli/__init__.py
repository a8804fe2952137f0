"""The `kansoku` command."""

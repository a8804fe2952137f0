"""A sample application."""

"""One module per command; its function is `command`."""

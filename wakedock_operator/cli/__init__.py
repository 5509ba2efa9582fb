"""The command line. Each module is one command or one concept."""

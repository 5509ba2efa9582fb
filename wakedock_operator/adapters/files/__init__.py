"""Definitions, wishes, the shared status and the history, in files."""

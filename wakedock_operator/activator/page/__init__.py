"""The waiting page: what a browser shows while an app starts, its assets and its live progress."""

"""Translations between the ports and the world: files, Caddy, processes. An adapter translates, it does not decide."""

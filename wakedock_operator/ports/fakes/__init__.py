"""In-memory implementations of the ports, for tests: they pass the same contract suites as the real adapters."""

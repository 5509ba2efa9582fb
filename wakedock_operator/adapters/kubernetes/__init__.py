"""Kubernetes: definitions and status in the API server, workloads behind `/scale`. Needs the extra `kubernetes`."""

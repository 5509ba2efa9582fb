"""In-cluster callers: the Service of `spec.service`, which leads to a port of the gateways that is the service's own."""

"""Apps as plain processes of this machine."""

from wakedock_operator.adapters.process.workloads import ProcessWorkloads

__all__ = ["ProcessWorkloads"]

"""The Python half of a gateway: answers holds, wakes workloads, watches activity, drains, steers."""

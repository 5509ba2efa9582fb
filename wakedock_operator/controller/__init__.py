"""The single decision maker for sleeping: gathers facts, asks the rules, writes the status, stops workloads."""

"""The rules of sleeping and waking: pure functions from facts to decisions.

Nothing here does I/O, reads a clock, awaits or logs. Whoever calls gathers the facts, passes the time in, and carries the decision out.
"""

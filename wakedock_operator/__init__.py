"""WakeDock lets web apps sleep at zero cost and wakes them when somebody needs them."""

__version__ = "0.1.0"

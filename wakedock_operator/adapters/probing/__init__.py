"""Questions to an app: is it ready, may it sleep. The same for every backend."""

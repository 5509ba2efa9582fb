"""What the rules need from the world, as protocols. Every effect is reached through one of these, and nothing else."""

"""What the operator makes for a WakeService: the Deployment of an `app`, the address that stays, and the replicas to put back."""

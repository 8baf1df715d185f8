"""What actors say to each other: one folder a protocol. Written against the actor contract only."""

"""The product: one node, its settings, launcher, command line, doors, client and pytest plugin."""

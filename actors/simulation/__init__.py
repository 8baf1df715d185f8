"""The simulated world: the same actors under one seed, in one thread, on virtual time, with every fault injected."""

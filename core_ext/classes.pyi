def inherit_vectorcall(metaclass: type) -> None:
    """Let the classes of a metaclass be called as directly as those of its base, as Python 3.12 does by itself."""

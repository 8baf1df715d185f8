"""Which build of the core this is. Must not know anything else."""

cdef extern from *:
    """
    #ifndef ACTORUM_BUILD_ID
    #define ACTORUM_BUILD_ID "unknown"
    #endif
    """
    const char *ACTORUM_BUILD_ID

BUILD_ID = ACTORUM_BUILD_ID.decode("ascii")

"""The native core: codec, log, quorum, mailbox, and what measurement showed to be hot.

The lowest floor: it imports nothing of the floors above and knows no protocol and no event loop.
"""

from core_ext.build_info import BUILD_ID

__all__ = ["BUILD_ID"]

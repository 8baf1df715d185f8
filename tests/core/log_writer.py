"""A process that writes to a log until it is killed, and says on its standard output what was acknowledged.

Run as: python log_writer.py FOLDER SEED. Every line is flushed before more is appended: `<position>` means that
all records up to this position of stream "a" are durable, as far as the log has promised. The body of each record
follows from its position, so that the parent can tell a record that was never written.
"""

import random
import sys
import zlib

from core_ext.log import Log


def body_at(position: int) -> bytes:
    return (position.to_bytes(8, "little") * 125)[: position * 7919 % 997]


def main(folder: str, seed: int) -> None:
    rng = random.Random(seed)
    log = Log.open(folder, cluster_id="c", node_id="n", segment_bytes=256 << 10, alone=True)
    stream, votes = log.stream("a"), log.stream("votes")
    submitted: list[tuple[int, int]] = []
    while True:
        for _ in range(rng.randrange(1, 20)):
            position = log.next_position(stream)
            body = body_at(position)
            log.append(stream, 1, zlib.crc32(body), body)
        if rng.random() < 0.2:
            log.append(votes, 2, position, b"vote", critical=True)
        if rng.random() < 0.05 and log.next_position(stream) - log.first_position(stream) > 400:
            log.checkpoint(stream, [(3, b"%d" % (position - 100))], position - 100)
            log.checkpoint(votes, [(3, b"")], log.next_position(votes))
        number = log.commit()
        submitted.append((number, position))
        done = log.synced()
        while submitted and submitted[0][0] <= done:
            _, position = submitted.pop(0)
            print(position, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))

"""kill -9 of a real writer at random moments, again and again on the same folder."""

import random
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from core_ext.log import Log
from tests.core.log_writer import body_at

WRITER = Path(__file__).with_name("log_writer.py")


def kill_rounds(folder: Path, rounds: int, seed: int) -> None:
    rng = random.Random(seed)
    written = 0
    for round_ in range(rounds):
        with subprocess.Popen(
            [sys.executable, str(WRITER), str(folder), str(rng.randrange(2**31))], stdout=subprocess.PIPE
        ) as writer:
            assert writer.stdout is not None
            line = b""
            for _ in range(rng.choice([1, 3, 10, 60])):  # the moment: after that many acknowledgements
                line = writer.stdout.readline()
                assert line, f"the writer of round {round_} ended by itself"
            writer.kill()
            rest = writer.stdout.read()
        lines = [one for one in (line + rest).split(b"\n")[:-1] if one]
        acknowledged = max([written, *map(int, lines)])
        log = Log.open(folder, cluster_id="c", node_id="n", segment_bytes=256 << 10, alone=True)
        assert log.recovery.clean, f"round {round_}: {log.recovery}"
        stream = log.stream("a")
        first, following = log.first_position(stream), log.next_position(stream)
        assert following > acknowledged, f"round {round_}: {acknowledged} was acknowledged, the log ends at {following}"
        for expected, (position, tag, note, body) in enumerate(log.records(stream), first):
            assert position == expected
            assert (tag, body) == (1, body_at(position)), "a record that was not written like this"
            assert note == zlib.crc32(body)
        if first > 1:
            assert log.checkpoint_of(stream) == [(3, b"%d" % first)]
        assert log.stats()["segments"] < 40
        written = following - 1
        log.close()


@pytest.mark.timeout(120)
def test_kill_minus_nine_loses_nothing_acknowledged(tmp_path: Path) -> None:
    kill_rounds(tmp_path, 40, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", range(2, 12))
def test_kill_minus_nine_hundreds_of_times_loses_nothing_acknowledged(tmp_path: Path, seed: int) -> None:
    kill_rounds(tmp_path, 50, seed)

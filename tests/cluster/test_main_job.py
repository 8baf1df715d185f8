"""The main job on a part of its data: nothing is lost when the leader is killed half-way."""

from __future__ import annotations

import subprocess
import sys
import unicodedata
from pathlib import Path

import msgspec

from actorum.main_job import unicode_records


def test_the_data_set_is_every_named_code_point() -> None:
    records = unicode_records()
    if unicodedata.unidata_version == "14.0.0":
        assert len(records) == 138_552
    half = dict(records)[b"U+00BD"]
    assert msgspec.json.decode(half) == {
        "name": "VULGAR FRACTION ONE HALF", "category": "No", "numeric": 0.5,
        "decomposition": "<fraction> 0031 2044 0032",
    }


def test_the_main_job_loses_nothing_and_exits_without_a_terminal(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "actorum.main_job", "--data", str(tmp_path / "job"), "--records", "20000"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=55, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "killed the leader" in done.stdout
    rows = dict(
        tuple(part.strip() for part in line.strip("│ \n").split("│"))
        for line in done.stdout.splitlines() if line.count("│") == 3
    )
    assert rows["records"] == rows["acknowledged"] == "20,000"
    assert rows["lost"] == "0"
    assert [rows[f"read back from n{number}"] for number in (1, 2, 3)] == ["all equal"] * 3
    assert not (tmp_path / "job").exists()

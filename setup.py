"""Builds the native core.

What is declared here and not in pyproject.toml: the Cython extensions, their flags, and the build id that ties the
Python floors to the core that was built with them.

Environment:
    ACTORUM_TRACE=1      line tracing for coverage of the .pyx files
    ACTORUM_SANITIZE=1   AddressSanitizer and UndefinedBehaviorSanitizer
    ACTORUM_OPTIMIZE=0   the compiler's level, 3 when unset; 0 builds in a third of the time, to try the packaging
    ACTORUM_EXTENSIONS   comma-separated names (``log,codec``): build only these, for work on one of them
"""

import hashlib
import os
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

ROOT = Path(__file__).resolve().parent
CORE = ROOT / "core_ext"
EXPECTED = ROOT / "actors" / "_build_id.py"
TRACE = os.environ.get("ACTORUM_TRACE") == "1"
SANITIZE = os.environ.get("ACTORUM_SANITIZE") == "1"
LEVEL = os.environ.get("ACTORUM_OPTIMIZE", "3")


def build_id() -> str:
    """A digest over every source of the core, so that a stale or foreign build is recognised."""
    digest = hashlib.sha256()
    for path in sorted([*CORE.glob("*.pyx"), *CORE.glob("*.pxd"), *CORE.glob("include/*.h")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def extensions() -> list[Extension]:
    wanted = {name for name in os.environ.get("ACTORUM_EXTENSIONS", "").split(",") if name}
    compile_args = ["-O0", "-g1"] if SANITIZE else [f"-O{LEVEL}", "-g1", "-fno-plt"]
    link_args: list[str] = ["-pthread"]
    if SANITIZE:
        compile_args += ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"]
        link_args += ["-fsanitize=address,undefined"]
    macros = [("CYTHON_TRACE", "1"), ("CYTHON_TRACE_NOGIL", "1")] if TRACE else []
    result = []
    for path in sorted(CORE.glob("*.pyx")):
        if wanted and path.stem not in wanted:
            continue
        names_build = path.stem == "build_info"
        result.append(
            Extension(
                f"core_ext.{path.stem}",
                [str(path.relative_to(ROOT))],
                include_dirs=[str(CORE / "include")],
                define_macros=[*macros, ("ACTORUM_BUILD_ID", f'"{build_id()}"')] if names_build else macros,
                extra_compile_args=[*compile_args, "-pthread", "-std=gnu11"],
                extra_link_args=link_args,
                # A changed macro alone rebuilds nothing: the file that states the same id says when it is due.
                depends=[str(EXPECTED)] if names_build else [str(header) for header in CORE.glob("include/*.h")],
            )
        )
    return result


def state_build_id() -> None:
    """Write the build id down for the floors above, when it is another one."""
    purpose = '"""Written by setup.py: the build id of the core that these floors belong to."""'
    text = f'{purpose}\n\nBUILD_ID = "{build_id()}"\n'
    if not EXPECTED.exists() or EXPECTED.read_text() != text:
        EXPECTED.write_text(text)


class BuildCore(build_ext):
    """Cython runs when the core is built, and not for every question that is asked of this file."""

    def run(self) -> None:
        translated = cythonize(
            list(self.extensions),
            compiler_directives={
                "language_level": 3,
                "embedsignature": False,
                "linetrace": TRACE,
                "binding": True,
                "freethreading_compatible": False,
            },
            build_dir="build/cython",
            nthreads=os.cpu_count() or 1,
        )
        for extension, source in zip(self.extensions, translated, strict=True):
            extension.sources, extension.depends = source.sources, source.depends
        super().run()


state_build_id()
setup(
    ext_modules=extensions(),
    cmdclass={"build_ext": BuildCore},
    options={"build_ext": {"parallel": os.cpu_count() or 1}},
)

# Two commands do everything on a machine that has Python 3.11 to 3.13, make and a C compiler:
#   make run    builds, starts three nodes, runs the main job
#   make test   builds, lints, type-checks, tests

PYTHON ?= python3
VENV   ?= .venv
BIN     = $(VENV)/bin
STAMP   = $(VENV)/.built

NATIVE  = $(wildcard core_ext/*.pyx core_ext/*.pxd core_ext/include/*.h)

.PHONY: help build run test lint types unit bench compare slow sanitize soak mutants package clean

help:
	@sed -n '1,3p' Makefile; echo '#   make bench | compare | slow | mutants | package | clean'

build: $(STAMP)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; \
	  sys.exit(0 if (3, 11) <= v <= (3, 13) else "Actorum needs Python 3.11 to 3.13, %s is %d.%d; call: make PYTHON=python3.12 ..." % (sys.executable, *v))'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip 'setuptools>=77' wheel 'Cython>=3.1'

$(STAMP): $(VENV)/bin/python pyproject.toml setup.py $(NATIVE)
	$(BIN)/python -m pip install --quiet --no-build-isolation --config-settings editable_mode=compat --editable '.[dev]'
	@touch $(STAMP)

run: build
	$(BIN)/python -m actorum.main_job

test: lint types unit

lint: build
	$(BIN)/ruff check .
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/cython-lint core_ext/*.pyx

types: build
	$(BIN)/mypy

unit: build
	$(BIN)/python -m pytest

bench: build
	$(BIN)/python -m pytest bench --benchmark-enable --benchmark-columns=min,median,max,ops
	$(BIN)/python -m bench

compare: build
	$(BIN)/python -m bench compare

slow: sanitize soak

# The native core's own tests under AddressSanitizer and UndefinedBehaviorSanitizer, away from the ordinary build.
sanitize: build
	bash tests/sanitize.sh $(BIN)/python

soak: build
	ACTORUM_HYPOTHESIS=slow $(BIN)/python -m pytest -m slow --timeout 1800

# Which world catches which wrong version of Raft, the store and the quorums, and how fast (docs/mutants.md).
mutants: build
	$(BIN)/python -m tests.mutants --jobs 2

package: build
	rm -rf dist && $(BIN)/python -m build --no-isolation

clean:
	rm -rf build dist *.egg-info core_ext/*.so $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis

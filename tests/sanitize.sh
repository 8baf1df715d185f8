#!/usr/bin/env bash
# Builds the native core with ASan and UBSan into a folder of its own and runs its tests there.
# usage: tests/sanitize.sh PYTHON
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(realpath -s "$1")
here=$(pwd)
target=build/sanitized
rm -rf "$target" && mkdir -p "$target"
cp -r actors core_ext protocols actorum tests setup.py pyproject.toml README.md LICENSE "$target"
rm -f "$target"/core_ext/*.so
cd "$target"
ACTORUM_SANITIZE=1 "$python" setup.py --quiet build_ext --inplace
# Python itself never frees everything it allocated at exit, so leaks are not judged here.
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)"
export PYTHONPATH=$here/$target PYTHONMALLOC=malloc
"$python" -c 'import core_ext, os; assert os.getcwd() in core_ext.__file__, core_ext.__file__'
exec "$python" -m pytest tests/core tests/storage tests/actors tests/journal tests/transport \
  tests/verification/test_native_tables.py tests/verification/test_against_twin.py tests/verification/test_liveness.py \
  tests/door/test_requests.py tests/door/test_order.py tests/door/test_resp.py -p no:actorum -p no:cacheprovider --timeout 900

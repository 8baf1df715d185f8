#!/usr/bin/env bash
# Builds the native core with ASan and UBSan into a folder of its own and runs its tests there.
# usage: tests/sanitize.sh PYTHON [pytest arguments instead of the tests of everything native]
set -euo pipefail
cd "$(dirname "$0")/.."
python=$(realpath -s "$1")
shift
here=$(pwd)
target=build/sanitized
mkdir -p "$target"
# What was compiled there before stays; only what has changed since is compiled again.
for part in actors core_ext protocols actorum tests docs examples setup.py pyproject.toml README.md LICENSE; do
  rm -rf "${target:?}/$part" && cp -rp "$part" "$target"
done
rm -f "$target"/core_ext/*.so
touch "$target/core_ext/build_info.pyx"  # it holds the digest of all the others
cd "$target"
ACTORUM_SANITIZE=1 "$python" setup.py --quiet build_ext --inplace
# Python itself never frees everything it allocated at exit, so leaks are not judged here.
export ASAN_OPTIONS=detect_leaks=0:abort_on_error=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)"
export PYTHONPATH=$here/$target PYTHONMALLOC=malloc
"$python" -c 'import core_ext, os; assert os.getcwd() in core_ext.__file__, core_ext.__file__'
if [ $# = 0 ]; then
  # Not here: how fast or how small something is, which an instrumented build cannot tell.
  set -- tests/core tests/storage tests/actors tests/journal tests/transport tests/simulation tests/histories \
    tests/verification tests/verification_actors \
    tests/door/test_requests.py tests/door/test_order.py tests/door/test_resp.py \
    --deselect tests/actors/test_memory.py::test_an_idle_actor_is_small
fi
exec "$python" -m pytest "$@" -p no:actorum -p no:cacheprovider --timeout 900

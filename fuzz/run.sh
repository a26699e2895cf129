#!/usr/bin/env bash
# ./fuzz/run.sh TARGET [SECONDS | FILE] [LIBFUZZER-OPTION...]: coverage-guided fuzzing of one target, or one input.
# See fuzz/README.md.
set -euo pipefail
input=
if [ -f "${2:-}" ]; then input=$(realpath "$2"); fi
cd "$(dirname "$0")/libfuzzer"

if [ $# = 0 ] || [ "$1" = --help ]; then
    echo "Usage: fuzz/run.sh TARGET [SECONDS | FILE] [LIBFUZZER-OPTION...]   (default: 60 seconds)"
    echo "Targets: $(ls ../seeds | tr '\n' ' ')"
    exit 0
fi
target=$1
seconds=${2:-60}
shift $(($# < 2 ? $# : 2))
if [ ! -d "../seeds/$target" ]; then
    echo "fuzz/run.sh: no target '$target'; see fuzz/run.sh --help" >&2
    exit 1
fi
triple=$(rustc +nightly -vV | sed -n 's/^host: //p')

# What cargo-fuzz passes, so that nothing has to be installed beside the compiler.
flags="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4"
flags="$flags -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table"
flags="$flags -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
RUSTFLAGS="$flags" cargo +nightly build --release --quiet --target "$triple"
program=${CARGO_TARGET_DIR:-target}/$triple/release/patchflock-libfuzzer

export PATCHFLOCK_FUZZ_TARGET=$target
if [ -n "$input" ]; then exec "$program" "$input" "$@"; fi

# The corpus grows here and is not kept in the tree; the seeds go in first.
corpus=../corpus/$target
mkdir -p "$corpus" ../corpus/failures
find -L "../seeds/$target" -type f | while read -r seed; do
    cp -f "$seed" "$corpus/seed-$(sha256sum < "$seed" | cut -c1-16)"
done
exec "$program" "$corpus" -artifact_prefix="../corpus/failures/$target-" \
    -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -max_len=8192 "$@"

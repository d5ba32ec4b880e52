#!/bin/sh
# fuzz/run.sh BUILD_DIR SECONDS: runs every fuzz target of BUILD_DIR for SECONDS, as many at once as there are CPUs.
# Fails when a target crashes, hangs or grows beyond its memory; the input is kept in BUILD_DIR/fuzz/found/.
#
# The build:  cmake -B BUILD_DIR -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ -DBERTH_BUILD_FUZZ=ON && cmake --build BUILD_DIR --target fuzz_targets
# Debian packages: clang libclang-rt-14-dev
set -eu
if [ $# -ne 2 ]; then
  echo "usage: fuzz/run.sh BUILD_DIR SECONDS" >&2
  exit 2
fi
build=$(cd "$1" && pwd)
seconds=$2
sources=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$build/fuzz/found" "$build/fuzz/logs"

run_one() {
  name=$1
  corpus=$build/fuzz/corpus/$name
  mkdir -p "$corpus"
  "$build/fuzz/${name}_replay" --write "$corpus" > /dev/null
  set -- "$corpus"
  if [ -d "$sources/corpus/$name" ]; then set -- "$@" "$sources/corpus/$name"; fi
  if [ -f "$sources/$name.dict" ]; then
    set -- "-dict=$sources/$name.dict" "$@"
  else
    set -- "-dict=$sources/json.dict" "$@"
  fi
  if "$build/fuzz/${name}_fuzz" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -max_len=16384 -print_final_stats=1 \
      -artifact_prefix="$build/fuzz/found/$name-" "$@" > "$build/fuzz/logs/$name.log" 2>&1; then
    echo "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "$build/fuzz/logs/$name.log") inputs in $seconds s, nothing found"
  else
    echo "$name: FAILED, input in $build/fuzz/found/" >&2
    tail -n 60 "$build/fuzz/logs/$name.log" >&2
    return 1
  fi
}

names=""
for program in "$build"/fuzz/*_fuzz; do
  if [ -x "$program" ]; then names="$names $(basename "$program" _fuzz)"; fi
done
if [ -z "$names" ]; then
  echo "fuzz/run.sh: no fuzz targets in $build/fuzz" >&2
  exit 1
fi

failed=0
running=""
at_once=$(nproc)
count=0
for name in $names; do
  run_one "$name" &
  running="$running $!"
  count=$((count + 1))
  if [ "$count" -eq "$at_once" ]; then
    for pid in $running; do wait "$pid" || failed=1; done
    running=""
    count=0
  fi
done
for pid in $running; do wait "$pid" || failed=1; done
exit $failed

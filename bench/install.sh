#!/bin/sh
# Installs what the comparison with ONNX Runtime needs: Debian packages through apt, and npm's onnxruntime-node below build/bench-data.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
modules="$root/build/bench-data"
ort_version=${BERTH_BENCH_ORT_VERSION:-1.30.0}

missing=""
/usr/bin/python3 -c "import numpy" 2>/dev/null || missing="$missing python3-numpy"
/usr/bin/python3 -c "import onnx" 2>/dev/null || missing="$missing python3-onnx"
command -v node >/dev/null || missing="$missing nodejs"
command -v npm >/dev/null || missing="$missing npm"
[ -e /usr/include/benchmark/benchmark.h ] || missing="$missing libbenchmark-dev"
[ -e /usr/include/dnnl.h ] || [ -e /usr/include/oneapi/dnnl/dnnl.h ] || missing="$missing libdnnl-dev"
if [ -n "$missing" ]; then
  echo "bench: installing with apt:$missing"
  if [ "$(id -u)" = 0 ]; then as_root=""; else as_root="sudo"; fi
  $as_root apt-get update -qq
  # $missing is a list of words.
  $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing >/dev/null
fi

mkdir -p "$modules"
if ! grep -qs "\"version\": \"$ort_version\"" "$modules/node_modules/onnxruntime-node/package.json"; then
  echo "bench: installing onnxruntime-node $ort_version with npm below build/bench-data"
  # Without its install script, which would fetch the GPU libraries; the CPU library is in the package.
  npm install --prefix "$modules" --ignore-scripts --no-audit --no-fund --no-save --loglevel=error "onnxruntime-node@$ort_version"
fi

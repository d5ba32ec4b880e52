#!/bin/sh
# Installs, builds and runs the comparison with ONNX Runtime; arguments go to compare.py (--help lists them).
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
"$root/bench/install.sh"
case " $* " in
  *" --ort-only "* | *" --help "* | *" -h "* | *" --driver"*) ;;
  *)
    (cd "$root" && cmake --preset bench >/dev/null && cmake --build --preset bench --target model_driver)
    ;;
esac
exec /usr/bin/python3 "$root/bench/compare.py" "$@"

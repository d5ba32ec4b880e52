#!/usr/bin/env bash
# debian_sources.sh DIRECTORY PACKAGE...: unpacks the source packages as DIRECTORY/PACKAGE, from the Debian mirrors this machine uses already.
# Machines seldom have deb-src lines; so they are derived from the deb lines, in a private apt configuration: nothing of the machine's own
# changes, no privileges are needed, and apt checks the signatures with the same keys.
set -euo pipefail

(($# >= 2)) || { echo "usage: $0 DIRECTORY PACKAGE..." >&2; exit 2; }
mkdir -p "$1"
readonly directory=$(cd "$1" && pwd)
shift

missing=()
for package in "$@"; do [[ -d $directory/$package ]] || missing+=("$package"); done
((${#missing[@]})) || exit 0

readonly apt=$directory/.apt
rm -rf "$apt"
mkdir -p "$apt/sources" "$apt/lists/partial" "$apt/archives/partial"
trap 'rm -rf "$apt"' EXIT
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources; do
  # One-line style begins with `deb`, deb822 style has a field `Types:`.
  [[ -s $file ]] && sed -E 's/^deb[[:space:]]/deb-src /; s/^(Types:).*/\1 deb-src/' "$file" >"$apt/sources/$(basename "$file")"
done
readonly options=(-o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$apt/sources" -o Dir::State::Lists="$apt/lists"
  -o Dir::Cache::Archives="$apt/archives" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User= -o Acquire::Languages=none)

# Mirrors of other software may have no sources; whether ours are there shows below.
apt-get -qq "${options[@]}" update 2>"$apt/update.log" || true
for package in "${missing[@]}"; do
  (cd "$apt/archives" && apt-get -qq "${options[@]}" --download-only source "$package" >"$apt/source.log" 2>&1) || {
    cat "$apt/update.log" "$apt/source.log" >&2
    echo "$0: cannot fetch Debian's source package $package" >&2
    exit 1
  }
  dpkg-source --no-check -x "$apt/archives/${package}_"*.dsc "$apt/unpacked" >"$apt/unpack.log" 2>&1 || { cat "$apt/unpack.log" >&2; exit 1; }
  mv "$apt/unpacked" "$directory/$package"
done

#!/usr/bin/env bash
# Lays LLVM where the build of the features `cpu` and `cuda` looks for it, from two Python packages.
#
# The build script of CubeCL's compiler downloads an LLVM from GitHub. Where that cannot be reached, it is content
# with any LLVM of the same version that lies in the folder it would have made, with its mark in it. The packages
# mlc-llvm-static and mlc-llvm-static-extra-targets hold a static one with headers and `llvm-config`, a script that
# needs Python 3 while the program is built.
#
#   tools/llvm/install.sh          some 400 MB below ${XDG_DATA_HOME:-~/.local/share}/tracel
set -euo pipefail
cd "$(dirname "$0")/../.."

# Of the version that the lock file names, `23.1.0-4`, the first two numbers have to be the same.
bundler=$(sed -n '/^name = "tracel-llvm-bundler"$/{n;s/version = "\(.*\)"/\1/p}' Cargo.lock)
package=23.1.1.post0
if [ "${bundler%.*}" != "${package%.*.*}" ]; then
  echo "Cargo.lock asks for the LLVM of tracel-llvm-bundler $bundler, this script brings $package; put a package of" \
    "the same version into 'package'" >&2
  exit 1
fi
home=${XDG_DATA_HOME:-$HOME/.local/share}/tracel
place=$home/tracel-llvm-$bundler mark=.tracel-llvm-installed
if [ -e "$place/$mark" ]; then
  echo "$place: an LLVM is there already"
  exit
fi
if [ -e "$place" ]; then
  echo "$place is there, without the mark of a finished installation; delete it and run this again" >&2
  exit 1
fi
mkdir -p "$home"
packages=$home/mlc-llvm-static-$package
python3 -m pip install --quiet --no-deps --upgrade --target "$packages" \
  "mlc-llvm-static==$package" "mlc-llvm-static-extra-targets==$package"
static=$packages/mlc_llvm_static/static
# Fails where a library is missing, before the mark says that all is well.
"$static/bin/llvm-config" --link-static --libs >/dev/null
touch "$static/$mark"
ln -s "$static" "$place"
echo "$place: LLVM $("$place/bin/llvm-config" --version)"

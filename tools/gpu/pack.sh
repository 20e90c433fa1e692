#!/usr/bin/env bash
# Builds what measure.sh needs, on a machine with a network and without a GPU, and packs it into one archive.
#
#   tools/gpu/pack.sh                          backend tch, with LibTorch and PyTorch 2.9.0 for CUDA: gigabytes
#   tools/gpu/pack.sh tch cuda                 both; cuda needs an LLVM to build (tools/llvm/install.sh)
#   tools/gpu/pack.sh cuda --without-torch     small; PyTorch's side then needs the machine's own
#
# --out FILE is the archive (target/gpu/gpu.tar.gz, without PyTorch .tar.xz). PYTHON names an interpreter that has
# torch==2.9.0 for CUDA; without it, a virtual environment is made with it. The machine with the card needs Linux of
# the same kind of processor, a C library as new as here, and NVIDIA's driver; for cuda without PyTorch a CUDA toolkit.
set -euo pipefail
cd "$(dirname "$0")/../.."

backends=() with_torch=1 out='' work=$PWD/target/gpu
while [ $# -gt 0 ]; do
  case "$1" in
    tch | cuda) backends+=("$1") ;;
    --without-torch) with_torch='' ;;
    --out)
      out=${2:?--out needs a file}
      shift
      ;;
    *)
      echo "unknown argument $1; there are the backends tch and cuda, --without-torch and --out FILE" >&2
      exit 2
      ;;
  esac
  shift
done
[ ${#backends[@]} -gt 0 ] || backends=(tch)
if [ -z "$with_torch" ] && [[ " ${backends[*]} " == *" tch "* ]]; then
  echo "tch is LibTorch, which comes with PyTorch; leave --without-torch away, or name cuda alone" >&2
  exit 2
fi
out=${out:-$work/gpu.tar.$([ -n "$with_torch" ] && echo gz || echo xz)}
stage=$work/measure-a-gpu
rm -rf "$stage"
mkdir -p "$stage"/{bin,tools/gpu,benchmarks/pytorch,data/backbones}

if [ -n "$with_torch" ]; then
  if [ -z "${PYTHON:-}" ]; then
    PYTHON=$work/python/bin/python
    [ -x "$PYTHON" ] || python3 -m venv "$work/python"
    "$PYTHON" -m pip install --quiet torch==2.9.0
  fi
  site=$("$PYTHON" -c 'import pathlib, torch; print(pathlib.Path(torch.__file__).parents[1])')
  if ! [ -e "$site/torch/lib/libtorch_cuda.so" ]; then
    echo "$site/torch is a PyTorch without CUDA; install that of PyPI: pip install torch==2.9.0" >&2
    exit 1
  fi
  # What LIBTORCH_USE_PYTORCH=1 would find, for this interpreter.
  export LIBTORCH=$site/torch
  libraries=$site/torch/lib$(printf ':%s' "$site"/nvidia/*/lib)
fi

echo "building ..." >&2
features=$(printf ',experiments/%s' "${backends[@]}")
built=$(cargo build --workspace --features "${features#,}" --bin experiments --bench versus_vet \
  --message-format=json-render-diagnostics)
for name in experiments versus_vet; do
  program=$(sed -n "s/.*\"name\":\"$name\".*\"executable\":\"\([^\"]*\)\".*/\1/p" <<<"$built" | tail -n 1)
  strip -o "$stage/bin/$name" "$program"
done
cp tools/gpu/measure.sh "$stage/tools/gpu"
cp benchmarks/{gpu_table,wall}.py "$stage/benchmarks"
cp benchmarks/pytorch/{vet,timing,memory}.py "$stage/benchmarks/pytorch"
# Fonts and words are in the program; the tower is not.
cp data/backbones/small-vit.* "$stage/data/backbones"
{
  echo "Backends: ${backends[*]}"
  echo "Commit: $(git describe --always --dirty --abbrev=12)"
  echo "Rust: $(rustc --version), burn $(sed -n '/^name = "burn"$/{n;s/version = "\(.*\)"/\1/p}' Cargo.lock)"
} >"$stage/bin/about.txt"

if [ -n "$with_torch" ]; then
  if [[ " ${backends[*]} " == *" tch "* ]] &&
    ! LD_LIBRARY_PATH=$libraries ldd "$stage/bin/experiments" | grep libtorch_cuda >/dev/null; then
    echo "the program was linked without libtorch_cuda.so; 'cargo clean -p torch-sys -p burn-tch' and run this again" >&2
    exit 1
  fi
  # Links where that is possible: gigabytes need not be copied.
  cp -al "$site" "$stage/site" 2>/dev/null || { rm -rf "$stage/site" && cp -a "$site" "$stage/site"; }
  rm -rf "$stage"/site/{pip,pip-*,torch/include,torch/test,torch/bin}
  # Of NVIDIA's libraries, those that PyTorch and the program link to, and those that they open by name: NVRTC, and of
  # cuDNN, which nothing here computes with, the part that tells its version.
  LD_LIBRARY_PATH=$libraries ldd "$stage"/bin/{experiments,versus_vet} "$site"/torch/lib/*.so* 2>/dev/null |
    sed -n 's|.*=> .*/\([^/ ]*\) (.*|\1|p' | sort -u >"$work/needed"
  find "$stage/site/nvidia" -name '*.so*' | while read -r library; do
    case "${library##*/}" in libnvrtc* | libcudnn_graph*) continue ;; esac
    grep -qxF "${library##*/}" "$work/needed" || rm "$library"
  done
  # The interpreter, unless it is the system's, which other machines have in other versions.
  base=$("$PYTHON" -c 'import sys; print(sys.base_prefix)')
  version=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  if [ "$base" != /usr ]; then
    mkdir -p "$stage"/python/{bin,lib,include}
    cp "$base/bin/python$version" "$stage/python/bin/python3"
    cp -a "$base/include/python$version" "$stage/python/include"
    cp -a "$base/lib/libpython$version"*.so* "$stage/python/lib" 2>/dev/null || true # not where it is linked in
    tar -C "$base/lib" --exclude site-packages --exclude test --exclude 'config-*' --exclude ensurepip --exclude \
      __pycache__ -cf - "python$version" | tar -C "$stage/python/lib" -xf -
    LD_LIBRARY_PATH=$stage/python/lib PYTHONHOME=$stage/python PYTHONPATH=$stage/site \
      "$stage/python/bin/python3" -c 'import torch' || {
      echo "PyTorch does not load with what was packed; name another PYTHON" >&2
      exit 1
    }
  else
    echo "Python is not packed: the machine with the card needs Python $version" >&2
  fi
fi

echo "packing ..." >&2
# Each file counts once: `site` is what is beside the packages above it.
(cd "$stage" && du -sh bin/* data benchmarks tools site/torch site/triton site/nvidia/*/ site python 2>/dev/null) || true
mkdir -p "$(dirname "$out")"
tar -C "$work" -caf "$out" "${stage##*/}"
du -h "$out"
echo "on the machine with the card: tar -xf ${out##*/} && ${stage##*/}/tools/gpu/measure.sh"

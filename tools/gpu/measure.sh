#!/usr/bin/env bash
# A GPU measured in half an hour, without a network: one table, gpu.md, with the goals that were set.
#
#   tools/gpu/measure.sh               on the machine with the card, in the folder that pack.sh's archive unpacks to
#   tools/gpu/measure.sh --rehearse    tiny, on the CPU: does everything work? The numbers mean nothing
#
# --minutes N (30): all of it takes no longer. --out FOLDER (target/gpu/measured): what is finished there is not
# measured again, unless with --again. PYTHON names an interpreter; without it the archive's serves, or the machine's.
# torch.compile needs a C compiler and Python's headers on the machine; without them its rows say so.
set -euo pipefail
cd "$(dirname "$0")/../.."

minutes=30 out=target/gpu/measured again='' rehearse=''
while [ $# -gt 0 ]; do
  case "$1" in
    --minutes)
      minutes=${2:?--minutes needs a number}
      shift
      ;;
    --out)
      out=${2:?--out needs a folder}
      shift
      ;;
    --again) again=1 ;;
    --rehearse) rehearse=1 ;;
    *)
      echo "unknown argument $1; there are --minutes N, --out FOLDER, --again and --rehearse" >&2
      exit 2
      ;;
  esac
  shift
done
if ! [[ $minutes =~ ^[1-9][0-9]*$ ]]; then
  echo "--minutes '$minutes' is not a whole number above 0; write --minutes 30" >&2
  exit 2
fi
if ! [ -e bin/about.txt ]; then
  echo "$PWD holds no bin/about.txt; tools/gpu/pack.sh makes an archive: unpack it and run this script in it" >&2
  exit 1
fi
deadline=$((SECONDS + 60 * minutes))

# The program finds LibTorch, and CubeCL the compiler of kernels, among the libraries of the Python packages.
libraries=$PWD/site/torch/lib$(printf ':%s' "$PWD"/site/nvidia/*/lib):${CUDA_PATH:-/usr/local/cuda}/lib64
ours=(env "LD_LIBRARY_PATH=$libraries${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}")
if [ -z "${CUDA_PATH:-}" ] && ! [ -e /usr/local/cuda ] && [ -e site/nvidia/cuda_runtime/include ]; then
  export CUDA_PATH=$PWD/site/nvidia/cuda_runtime
fi
# As nvidia-smi counts cards, so that the one that is named is the one that is measured.
export CUDA_DEVICE_ORDER=PCI_BUS_ID
python=(env)
if [ -z "${PYTHON:-}" ]; then
  PYTHON=python3
  if [ -x python/bin/python3 ]; then
    PYTHON=$PWD/python/bin/python3
    python+=("PYTHONHOME=$PWD/python" "LD_LIBRARY_PATH=$PWD/python/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}")
  fi
fi
# Packages for another version of Python are no use; the machine may have PyTorch of its own.
if [ -d site ] && "${python[@]}" "PYTHONPATH=$PWD/site" "$PYTHON" -c 'import torch' 2>/dev/null; then
  python+=("PYTHONPATH=$PWD/site")
fi
python+=("$PYTHON")
"${python[@]}" -c '' || {
  echo "$PYTHON does not run here; name a Python from 3.9 on: PYTHON=/usr/bin/python3 tools/gpu/measure.sh" >&2
  exit 1
}

devices=()
if [ -n "$rehearse" ]; then
  card='none, a rehearsal on the CPU: the numbers mean nothing'
  device=cpu preset=smoke small=--quick devices=(flex)
  export VERSUS_SECONDS=0.2
  if grep -qw '^Backends:.*tch' bin/about.txt; then devices+=(tch); fi
else
  card=$(nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader) || {
    echo "nvidia-smi shows no card; --rehearse tries everything on the CPU" >&2
    exit 1
  }
  card=${card%%$'\n'*}
  device=cuda preset=quick small=''
  for backend in $(sed -n 's/^Backends: //p' bin/about.txt); do
    case "$backend" in tch) devices+=(tch:0) ;; *) devices+=("$backend") ;; esac
  done
fi
mkdir -p "$out"
subject=$(echo "Card, driver, memory: $card" && cat bin/about.txt)
if [ -e "$out/subject.txt" ] && [ "$(cat "$out/subject.txt")" != "$subject" ]; then
  echo "$out holds what another card or another build measured; name another folder with --out" >&2
  exit 1
fi
echo "$subject" >"$out/subject.txt"
cores=$(getconf _NPROCESSORS_ONLN)
{
  echo "$subject"
  echo "Processor: $(sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | head -n 1), $cores cores"
  echo "Date: $(date -u +%F)"
  "${python[@]}" -c 'import torch; print("PyTorch:", torch.__version__)' 2>/dev/null || echo "PyTorch: none"
} >"$out/machine.txt"

table() {
  "${python[@]}" benchmarks/gpu_table.py "$out" --devices "$(IFS=, && echo "${devices[*]}")"
}
# reason LOG: what went wrong, in one line.
reason() {
  local last
  last=$(grep -E 'rror|out of memory' "$1" | tail -n 1) ||
    last=$(grep -vE '^(note:.*| *)$' "$1" | tail -n 1) || last='it gave no reason'
  cut -c 1-200 <<<"$last"
}
# step NAME SECONDS COMMAND...: adds the JSON lines of the command to NAME.jsonl as they come, so that none is lost
# to what comes later, and says in NAME.end how it ended. A step that finished is not made again.
pid=''
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null; exit 130' INT TERM
step() {
  local name=$1 limit=$2 left=$((deadline - SECONDS)) status=0 end=finished
  shift 2
  if [ -z "$again" ] && [ "$(cat "$out/$name.end" 2>/dev/null)" = finished ]; then return; fi
  [ "$limit" -le "$left" ] || limit=$left
  if [ "$limit" -lt 5 ]; then
    end='no time was left; run it again'
  else
    echo "$name, $limit s at most ..." >&2
    echo >>"$out/$name.jsonl" # what was killed may have left half a line
    timeout --kill-after 10 "$limit" "$@" >>"$out/$name.jsonl" 2>"$out/$name.log" &
    pid=$!
    wait "$pid" || status=$?
    pid=''
    case $status in
      0) ;;
      124 | 137) end="ended after $limit s" ;;
      *) end="status $status: $(reason "$out/$name.log")" ;;
    esac
  fi
  echo "$end" >"$out/$name.end"
  [ "$end" = finished ] || echo "$name: $end" >&2
  table || echo "the table was not made; what was measured is in $out" >&2
}

# What goals were set for comes first.
for dtype in bf16 f32; do
  vet=(--dtype "$dtype" ${small:+"$small"})
  for ours_on in "${devices[@]}"; do
    step "vet-${ours_on/:/-}-$dtype" 120 "${ours[@]}" bin/versus_vet --device "$ours_on" "${vet[@]}"
  done
  torch=("${python[@]}" benchmarks/pytorch/vet.py --device "$device" "${vet[@]}")
  step "torch-compile-$dtype" 240 "${torch[@]}" --compile
  step "torch-eager-$dtype" 90 "${torch[@]}"
done
for ours_on in "${devices[@]}"; do
  name=parity-${ours_on/:/-}
  step "$name" 200 "${ours[@]}" bin/experiments backends "$ours_on" --csv "$out/$name.csv" --limit 190
done
# probe DEVICE JOBS: the wall time, without a cache, so that images and features are made anew each time.
probe() {
  step "probe-${1/:/-}" 420 "${python[@]}" benchmarks/wall.py --work "ocr-probe $preset" --impl "burn $1" \
    --threads "$2" -- "${ours[@]}" bin/experiments ocr-probe --preset "$preset" --backend "$1" --jobs "$2" \
    --no-cache --results "$out/runs"
}
probe flex $((cores < 16 ? cores : 16))
for ours_on in "${devices[@]}"; do
  [ "$ours_on" = flex ] || probe "$ours_on" 1
done
table
echo "written: $out/gpu.md" >&2

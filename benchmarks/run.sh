#!/usr/bin/env bash
# Every comparison with PyTorch, from a fresh clone, into benchmarks/RESULTS.md and results.csv.
#
#   benchmarks/run.sh                  operations, ViT step, published towers, visual embedding table,
#                                      nearest words and k-means
#   benchmarks/run.sh --full           the whole study as well: about an hour on 2 cores
#   benchmarks/run.sh --quick          a smoke pass of everything, into target/benchmarks/quick
#   benchmarks/run.sh --only matmul    some sections: matmul, vit, towers, vet, codes, study; into
#                                      target/benchmarks/only
#
# --rounds N measures every pair N times (2), --jobs LIST are the jobs of the study (1 and all cores).
# --out FOLDER writes elsewhere. PYTHON names an interpreter that has
# benchmarks/pytorch/requirements.txt; without it, a virtual environment is made with them.
set -euo pipefail
cd "$(dirname "$0")/.."
scratch=$PWD/target/benchmarks

sections="matmul vit towers vet codes"
preset=quick
rounds=2
out=benchmarks
quick=
jobs_list=
while [ $# -gt 0 ]; do
  case "$1" in
    --full) sections="$sections study" ;;
    --quick)
      quick=1 preset=smoke rounds=1 sections="matmul vit towers vet codes study" out=$scratch/quick
      export VERSUS_SECONDS=0.2
      ;;
    --only)
      sections=$(tr , ' ' <<<"${2:?--only needs sections, for example --only matmul,vit}")
      [ "$out" != benchmarks ] || out=$scratch/only
      shift
      ;;
    --rounds)
      rounds=${2:?--rounds needs a number}
      shift
      ;;
    --jobs)
      jobs_list=$(tr , '\n' <<<"${2:?--jobs needs numbers, for example --jobs 1,2}")
      shift
      ;;
    --out)
      out=${2:?--out needs a folder}
      shift
      ;;
    *)
      echo "unknown argument $1; there are --full, --quick, --only SECTIONS, --rounds N, --jobs LIST and --out FOLDER" >&2
      exit 2
      ;;
  esac
  shift
done
for section in $sections; do
  case "$section" in
    matmul | vit | towers | vet | codes | study) ;;
    *)
      echo "unknown section $section; there are matmul, vit, towers, vet, codes and study" >&2
      exit 2
      ;;
  esac
done

cores=$(getconf _NPROCESSORS_ONLN)
thread_counts=$(printf '%s\n' 1 "$cores" | sort -nu)
mkdir -p "$scratch"

if [ -z "${PYTHON:-}" ]; then
  PYTHON=$scratch/venv/bin/python
  [ -x "$PYTHON" ] || python3 -m venv "$scratch/venv"
  "$PYTHON" -m pip install --quiet --requirement benchmarks/pytorch/requirements.txt
fi
"$PYTHON" -c 'import faiss, torch, PIL, rapidfuzz, safetensors' || {
  echo "$PYTHON lacks modules: $PYTHON -m pip install -r benchmarks/pytorch/requirements.txt" >&2
  exit 1
}
"$PYTHON" -m unittest discover --quiet --start-directory benchmarks

# bench_of SECTION, twin_of SECTION: the Rust benchmark and the PyTorch script.
bench_of() {
  case "$1" in
    matmul) echo versus_matmul ;;
    vit) echo versus_vit ;;
    towers) echo versus_towers ;;
    vet) echo versus_vet ;;
    codes) echo versus_codes ;;
  esac
}
twin_of() {
  case "$1" in
    matmul) echo matmul ;;
    vit) echo vit_step ;;
    towers) echo towers ;;
    vet) echo vet ;;
    codes) echo codes ;;
  esac
}
# Whether both sides of a section are there; says by name what is not.
complete() {
  local bench script
  bench=$(bench_of "$1") script=benchmarks/pytorch/$(twin_of "$1").py
  if [ ! -e "experiments/benches/$bench.rs" ]; then
    echo "skipping $1: there is no benchmark experiments/benches/$bench.rs" >&2
    return 1
  fi
  if [ ! -e "$script" ]; then
    echo "skipping $1: there is no script $script" >&2
    return 1
  fi
}
# The time to measure for, where a side takes it as a flag; the others read VERSUS_SECONDS.
seconds_flag() {
  if [ -n "$quick" ] && grep -q -e '--seconds' "$1"; then echo "--seconds $VERSUS_SECONDS"; fi
}

runnable=
benches=
for section in $sections; do
  if [ "$section" = study ]; then
    runnable="$runnable study"
  elif complete "$section"; then
    runnable="$runnable $section"
    benches="$benches --bench $(bench_of "$section")"
  fi
done
echo "building ..." >&2
# shellcheck disable=SC2086 # word splitting makes the arguments
[ -z "$benches" ] || cargo bench --workspace --profile dev --no-run $benches

lines=$scratch/lines.jsonl
: >"$lines"
# keep SECTION ROUND: adds both to the JSON lines that come in; fails if none comes.
keep() {
  grep '^{' | sed "s/^{/{\"section\": \"$1\", \"round\": $2, /" | tee -a "$lines" >&2
}

# Tokens and modes whose peak memory is measured, one process each.
vet_memory() {
  local tokens mode
  for tokens in $([ -n "$quick" ] && echo 256 || echo 256 1024 3136); do
    for mode in forward forward+backward; do
      cargo bench --quiet --workspace --profile dev --bench versus_vet -- \
        --threads "$cores" --memory softmax "$tokens" "$mode" | keep vet 1
      "$PYTHON" benchmarks/pytorch/vet.py --threads "$cores" --memory softmax "$tokens" "$mode" |
        keep vet 1
    done
  done
}

# Peak memory of an image of 12,544 patches (1792 px at 16 px each), one process each.
towers_memory() {
  local tower side
  side=$([ -n "$quick" ] && echo 32 || echo 112)
  for tower in qwen2.5-vl qwen3-vl ovis2.5; do
    cargo bench --quiet --workspace --profile dev --bench versus_towers -- \
      --threads "$cores" --memory "$tower" "$side" | keep towers 1
    "$PYTHON" benchmarks/pytorch/towers.py --threads "$cores" --memory "$tower" "$side" |
      keep towers 1
  done
}

for section in $runnable; do
  [ "$section" != study ] || continue
  [ "$section" != vet ] || vet_memory
  [ "$section" != towers ] || towers_memory
  bench=$(bench_of "$section") script=benchmarks/pytorch/$(twin_of "$section").py
  small=
  case "$quick $section" in "1 vet" | "1 towers" | "1 codes") small=--quick ;; esac
  for threads in $thread_counts; do
    # Calls of the table take seconds; one round has to do.
    for round in $(seq "$([ "$section" = vet ] && echo 1 || echo "$rounds")"); do
      # shellcheck disable=SC2046
      cargo bench --quiet --workspace --profile dev --bench "$bench" -- \
        --threads "$threads" $small $(seconds_flag "experiments/benches/$bench.rs") |
        keep "$section" "$round"
      # shellcheck disable=SC2046
      "$PYTHON" "$script" --threads "$threads" $small $(seconds_flag "$script") |
        keep "$section" "$round"
    done
  done
done

# The study, with a cold cache on both sides; on one job a single round, for the scaling.
case " $runnable " in *" study "*)
  cargo build -p experiments
  "$PYTHON" benchmarks/pytorch/probe/assets.py "$scratch/assets"
  # As in the measurements so far: three densities, mixed in training.
  densities=1,2,4
  [ -z "$quick" ] || densities=1,2
  for jobs in $(sort -nr <<<"${jobs_list:-$thread_counts}"); do
    for round in $(seq "$([ "$jobs" = 1 ] && echo 1 || echo "$rounds")"); do
      cold=$(mktemp -d)
      wall=("$PYTHON" benchmarks/wall.py --work "ocr-probe $preset" --threads "$jobs")
      "${wall[@]}" --impl burn-flex -- cargo run --quiet -p experiments -- ocr-probe \
        --preset "$preset" --densities "$densities" --jobs "$jobs" --data "$cold/data" --results "$cold/results" |
        keep study "$round"
      "${wall[@]}" --impl pytorch -- "$PYTHON" benchmarks/pytorch/ocr_probe.py \
        --preset "$preset" --densities "$densities" --jobs "$jobs" --assets "$scratch/assets" --out "$cold/pytorch" |
        keep study "$round"
      rm -rf "$cold"
    done
  done
  ;;
esac

"$PYTHON" benchmarks/report.py "$lines" --out "$out" --python "$PYTHON"
if [ "$out" = benchmarks ]; then
  "$PYTHON" benchmarks/report.py --page docs/speed.md
fi
echo "written: $out/RESULTS.md and $out/results.csv" >&2

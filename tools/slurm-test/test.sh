#!/usr/bin/env bash
# A small study on a real SLURM, next to the same study in one process: tasks are requeued, killed and
# lose their node in the middle of a cell, and the tables have to be the same to the byte.
#
#     test.sh PROGRAM     for example target/debug/experiments
#
# Where slurm-wlm and munge are not installed and cannot be, it says so and succeeds.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
program=$(realpath "${1:?"usage: test.sh PROGRAM"}")

skip() {
  echo "SKIPPED: the test on a real SLURM: $1"
  exit 0
}
if [ "$(id -u)" -ne 0 ]; then skip "starting its daemons needs root"; fi
installed() {
  local daemon
  for daemon in slurmctld slurmd munged sbatch; do
    command -v "$daemon" >/dev/null || return
  done
}
if ! installed; then
  command -v apt-get >/dev/null || skip "no slurmctld, and no apt-get to install slurm-wlm with"
  { apt-get update && apt-get install -y --no-install-recommends slurm-wlm munge procps; } >/dev/null 2>&1 ||
    skip "slurm-wlm and munge cannot be installed here"
fi

work=$(mktemp -d)
cluster=$work/cluster
export SLURM_CONF=$cluster/slurm.conf
end() {
  local status=$?
  "$here/cluster.sh" stop "$cluster" || true
  if [ "$status" -ne 0 ]; then
    echo "FAILED; logs of the tasks, and of SLURM:" >&2
    tail -n 15 "$run"/cluster/logs/* >&2 || true
    tail -n 30 "$cluster"/*.log >&2 || true
  fi
  rm -rf "$work"
  exit "$status"
}
trap end EXIT
cd "$work"

# Paths that a script has to quote.
run="$work/some results/it's a study"
cat >study.toml <<'TOML'
arms = ["identity", "patch-merger", "vet-softmax@64", "vet-st-argmax@64+usage"]
backbone = "small-vit.safetensors"

[data]
charset = "36"
densities = [1.0]
test_contents = ["random"]

[training]
steps = 120
learning_rates = [0.004, 0.008]
extensions = 1
TOML
cp "$here/../../data/backbones/small-vit.safetensors" .
study=(--preset smoke --only "ocr,control" --config study.toml --data data)
"$program" study "${study[@]}" --results plain --run plain >/dev/null

"$here/cluster.sh" start "$cluster"
"$program" slurm "${study[@]}" --results "some results" --run "it's a study" \
  --partition test --time 10 --cpus-per-task 1 --mem 500M
submitted=$(bash "$run/cluster/submit.sh")
echo "$submitted"
array=$(sed -E 's/tasks: job ([0-9]+);.*/\1/' <<<"$submitted")
merge=$(sed -E 's/.*merge: job ([0-9]+)$/\1/' <<<"$submitted")

# Nothing where the controller is too busy to answer.
state() { scontrol --oneliner show job "$1" 2>/dev/null | sed -nE 's/.* JobState=([A-Z_]+).*/\1/p' | head -n 1; }
# The process that works on an item, where it has gone on for a moment; waits for one.
worker() {
  local lock="$run/cluster/items/$1.lock" worker=
  for _ in $(seq 1200); do
    worker=$(sed -nE 's/^pid = ([0-9]+)$/\1/p' "$lock" 2>/dev/null || true)
    if [ -n "$worker" ] && [ -d "/proc/$worker" ]; then
      sleep 1.5
      if [ -d "/proc/$worker" ]; then
        echo "$worker"
        return
      fi
    fi
    sleep 0.1
  done
  echo "no process ever worked on item $1" >&2
  return 1
}
# Jobs that were requeued wait for two minutes otherwise.
hurry() {
  local job
  for job in $(squeue --noheader --array --states=PENDING --format='%i %r' | awk '$2 == "BeginTime" { print $1 }'); do
    scontrol update jobid="$job" starttime=now 2>/dev/null || true
  done
}
# Waits until a job has ended, and tells how.
ended() {
  local found
  for _ in $(seq 1200); do
    hurry
    found=$(state "$1" || true)
    case $found in
      "" | PENDING | RUNNING | COMPLETING | REQUEUED | CONFIGURING) sleep 0.3 ;;
      *)
        echo "$found"
        return
        ;;
    esac
  done
  echo "job $1 does not end" >&2
  return 1
}

echo "requeue of a task in the middle of a cell"
worker 0 >/dev/null
scontrol requeue "${array}_0"
echo "kill -9 of a task in the middle of a cell"
killed=2
kill -KILL "$(worker $killed)"
echo "kill -9 of the node, with all that runs on it"
worker 4 >/dev/null
"$here/cluster.sh" kill "$cluster"
"$here/cluster.sh" revive "$cluster"

if [ "$(ended "$merge")" != FAILED ]; then
  echo "the merge did not notice that a task was killed" >&2
  exit 1
fi
grep "missing: item $killed (" "$run/cluster/logs/merge-$merge.log"
test ! -e "$run/claims.csv"
echo "the killed task again"
submitted=$(bash "$run/cluster/submit.sh" --array="$killed")
merge=$(sed -E 's/.*merge: job ([0-9]+)$/\1/' <<<"$submitted")
[ "$(ended "$merge")" = COMPLETED ]

restarts=$(scontrol --oneliner show job "$array" | grep -cE ' Restarts=[1-9]')
echo "$restarts tasks were started more than once"
[ "$restarts" -ge 2 ]
compared=0
while IFS= read -r table; do
  cmp "plain/plain/$table" "$run/$table"
  compared=$((compared + 1))
done < <(cd plain/plain && find . -name '*.csv' -not -path '*/plots/*' -not -path './cells/*')
[ "$compared" -gt 10 ]
test -s "$run/report.html"
echo "$compared tables, metrics.csv and claims.csv among them, have the bytes of the plain study"

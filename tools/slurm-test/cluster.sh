#!/usr/bin/env bash
# A SLURM cluster of this one machine, for tests:
#
#     cluster.sh start DIR     munged, slurmctld and slurmd; state and logs below DIR
#     cluster.sh kill DIR      the node dies: slurmd and all that it runs get SIGKILL
#     cluster.sh revive DIR    the node comes back
#     cluster.sh stop DIR      everything ends
#
# After `start`, `SLURM_CONF=DIR/slurm.conf` makes sbatch, squeue and scontrol speak to it. Needs root
# and the packages slurm-wlm and munge of Debian or Ubuntu; neither systemd nor cgroups. Never for
# work: there is no accounting, and it runs what root submits.
set -euo pipefail

verb=${1:?"usage: cluster.sh start|kill|revive|stop DIR"}
dir=$(mkdir -p "${2:?"usage: cluster.sh $1 DIR"}" && cd "$2" && pwd)
conf=$dir/slurm.conf
node=$(hostname -s)
export SLURM_CONF=$conf

configure() {
  # A key of its own: a munged of the system is left alone.
  mkdir -p "$dir/munge" "$dir/state" "$dir/spool"
  chmod 700 "$dir/munge"
  head -c 1024 /dev/urandom >"$dir/munge/key"
  chmod 400 "$dir/munge/key"
  local memory ports
  memory=$(awk '/MemTotal/ { print int($2 / 1024) }' /proc/meminfo)
  # Two free ports that are not handed out to clients.
  ports=($(free_port 21000) $(free_port 22000))
  cat >"$conf" <<CONF
ClusterName=test
SlurmctldHost=$node(127.0.0.1)
SlurmctldPort=${ports[0]}
SlurmdPort=${ports[1]}
AuthType=auth/munge
AuthInfo=socket=$dir/munge/socket
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldLogFile=$dir/slurmctld.log
SlurmdLogFile=$dir/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=2,bf_interval=2
JobRequeue=1
ReturnToService=2
KillWait=5
SlurmdTimeout=20
MinJobAge=3600
NodeName=$node NodeAddr=127.0.0.1 CPUs=2 RealMemory=$memory State=UNKNOWN
PartitionName=test Nodes=$node Default=YES MaxTime=INFINITE State=UP
CONF
}

free_port() {
  local port=$1
  while (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; do
    port=$((port + 1))
  done
  echo "$port"
}

pid() { cat "$1" 2>/dev/null || true; }

# Waits for a command to succeed.
await() {
  local what=$1
  shift
  for _ in $(seq 100); do
    "$@" >/dev/null 2>&1 && return
    sleep 0.2
  done
  echo "no $what after 20 s; the end of the logs in $dir:" >&2
  tail -n 20 "$dir"/*.log "$dir"/munge/*.log >&2 || true
  exit 1
}

node_is_up() { sinfo --noheader --format=%T | grep -qE '^(idle|mixed|allocated)$'; }

start_slurmd() { slurmd -N "$node" -f "$conf"; }

# This process and all below it. It is stopped first: a step that sees its script die would report that
# the job has failed, where a node that dies says nothing.
kill_tree() {
  local child
  kill -STOP "$1" 2>/dev/null || true
  for child in $(pgrep -P "$1" || true); do
    kill_tree "$child"
  done
  kill -KILL "$1" 2>/dev/null || true
}

kill_node() {
  # Steps are no children of slurmd; they are found by the jobs that the controller knows.
  local job step
  for job in $(squeue --noheader --array --states=RUNNING --format=%A); do
    for step in $(pgrep -f "^slurmstepd: \[$job\." || true); do
      kill_tree "$step"
    done
  done
  kill_tree "$(pid "$dir/slurmd.pid")"
  rm -f "$dir/slurmd.pid"
}

case $verb in
  start)
    configure
    munged --force --key-file="$dir/munge/key" --socket="$dir/munge/socket" \
      --pid-file="$dir/munge/pid" --log-file="$dir/munge/munged.log" --seed-file="$dir/munge/seed"
    slurmctld -f "$conf"
    await slurmctld scontrol ping
    start_slurmd
    await node node_is_up
    ;;
  kill)
    kill_node
    # What the controller would find out by itself after SlurmdTimeout.
    scontrol update nodename="$node" state=down reason=killed
    ;;
  revive)
    start_slurmd
    scontrol update nodename="$node" state=resume || true
    await node node_is_up
    ;;
  stop)
    if [ -n "$(pid "$dir/slurmd.pid")" ]; then kill_node; fi
    for file in "$dir/slurmctld.pid" "$dir/munge/pid"; do
      daemon=$(pid "$file")
      if [ -z "$daemon" ]; then continue; fi
      kill "$daemon" 2>/dev/null || true
      # What it writes on its way out would come back into a folder that is being removed.
      for _ in $(seq 100); do
        [ -d "/proc/$daemon" ] || break
        sleep 0.1
      done
      kill -KILL "$daemon" 2>/dev/null || true
    done
    ;;
  *)
    echo "cluster.sh: unknown verb $verb" >&2
    exit 2
    ;;
esac

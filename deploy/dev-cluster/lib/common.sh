# shellcheck shell=bash
# shellcheck disable=SC2034  # these are read by the files that source this one
# What every part of the dev cluster shares: where things are, and how people are told. Meant to be sourced.

KUBERNETES_VERSION=1.35.4
ETCD_VERSION=3.6.5

# Built programs, kept between clusters, by version.
CACHE=${AMBIENT_DEV_CLUSTER_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ambient-dev-cluster}
# One cluster's files. Another folder is another cluster.
STATE=${AMBIENT_DEV_CLUSTER_STATE:-${XDG_STATE_HOME:-$HOME/.local/state}/ambient-dev-cluster}

KUBERNETES=$CACHE/kubernetes-$KUBERNETES_VERSION
ETCD=$CACHE/etcd-$ETCD_VERSION
SETUP=$CACHE/setup

# In the folder of a cluster, so that `down` removes nothing else.
MARK=.ambient-dev-cluster

# For people: standard output is for KUBECONFIG alone.
say() { echo "dev-cluster: $*" >&2; }

fail() {
  say "$@"
  exit 1
}

# wait_until SECONDS WHAT COMMAND...: until the command succeeds.
wait_until() {
  local seconds=$1 what=$2 end
  shift 2
  end=$((SECONDS + seconds))
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || fail "$what did not come within $seconds s; see $STATE/*.log"
    sleep 0.1
  done
}

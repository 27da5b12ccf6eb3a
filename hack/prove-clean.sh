#!/usr/bin/env bash
# Proves that a local cluster, which bin/cluster brings up, leaves nothing behind.
#
#   prove-clean.sh snapshot FILE [NAME]   records what is on the machine now
#   prove-clean.sh compare FILE [NAME]    lists what has come since and exits 1 if there is anything
#
# Recorded are network interfaces, mounts, the clusters' cgroups and state directories, firewall rules, the kernel settings
# that a kubelet touches, and the clusters' processes. Other processes of the machine do not matter. With NAME only what
# carries that cluster's names counts, and the kernel settings: for machines where other clusters and other people's
# interfaces, mounts and firewall rules come and go.
set -euo pipefail

usage() {
  sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
  exit 2
}

[[ $# -ge 2 && $# -le 3 ]] || usage
mode=$1 file=$2 name=${3:-}
cache=${WINDLASS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/windlass}/cluster
state=${XDG_STATE_HOME:-$HOME/.local/state}/windlass/clusters

# Keeps the lines that carry the names which clusters give to what they make: their bridge and its ports, and paths and
# cgroups of the one NAME. Without NAME every line counts.
own() {
  if [[ -z $name ]]; then
    cat
  else
    grep -E "(^interface |[^[:alnum:]])(windlass0|wl-node[0-9]+)([^[:alnum:]]|\$)|/windlass-$name(/| |\$)|/windlass/clusters/$name(/| |\$)" || true
  fi
}

interfaces() {
  local path
  for path in /sys/class/net/*; do
    echo "interface ${path##*/}"
  done
}

mounts() {
  # Mount point, then type and source after the separator.
  awk '{ for (i = 7; i < NF && $i != "-"; i++); print "mount " $5 " " $(i + 1) " " $(i + 2) }' /proc/self/mountinfo
}

cgroups() {
  find /sys/fs/cgroup -maxdepth 3 -type d -path "*/windlass-${name:-*}" -printf 'cgroup %p\n' 2>/dev/null || true
}

firewall() {
  if command -v nft >/dev/null; then
    nft list ruleset 2>/dev/null | sed 's/^/nftables /'
  fi
  if command -v iptables-save >/dev/null; then
    iptables-save 2>/dev/null | sed -e '/^#/d' -e 's/\[[0-9:]*\]$//' -e 's/^/iptables /'
  fi
}

settings() {
  local setting
  # Those of net belong to a network namespace, and a cluster has its own.
  for setting in kernel.panic kernel.panic_on_oops kernel.keys.root_maxkeys kernel.keys.root_maxbytes \
    vm.overcommit_memory vm.panic_on_oom net.ipv4.ip_forward net.netfilter.nf_conntrack_max; do
    local path=/proc/sys/${setting//.//}
    if [[ -r $path && ! ( -n $name && $setting == net.* ) ]]; then
      echo "setting $setting=$(<"$path")"
    fi
  done
}

# Succeeds if the process in /proc/$1 is part of a cluster: by its cgroup, by its executable, or as a namespace's init.
belongs() {
  local groups executable arguments
  groups=$(cat "/proc/$1/cgroup" 2>/dev/null) || return 1
  [[ $groups == *"/windlass-${name:-}"* ]] && { [[ -z $name ]] || grep -Eq "/windlass-$name(/|\$)" <<<"$groups"; } && return 0
  arguments=$(tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline") || return 1
  if [[ $arguments == "cluster box --config "* || $arguments == "cluster node-init --config "* ]]; then
    [[ -z $name || $arguments == *"/$name/"* ]] && return 0
  fi
  executable=$(readlink "/proc/$1/exe" 2>/dev/null) || return 1
  [[ -z $name && $executable == "$cache"/* ]]
}

processes() {
  local path pid stat fields
  for path in /proc/[0-9]*; do
    pid=${path##*/}
    belongs "$pid" || continue
    stat=$(cat "$path/stat" 2>/dev/null) || continue
    read -ra fields <<<"${stat##*) }"
    # A zombie has ended; its parent just has not looked yet. The start time tells a reused PID apart.
    [[ ${fields[0]} == Z ]] || echo "process $pid started ${fields[19]}: $(tr '\0' ' ' <"$path/cmdline" 2>/dev/null | cut -c1-120)"
  done
}

state_directories() {
  find "$state" -mindepth 1 -maxdepth 1 -name "${name:-*}" -printf 'state %p\n' 2>/dev/null || true
}

everything() {
  { { interfaces; mounts; firewall; } | own; cgroups; settings; processes; state_directories; } | LC_ALL=C sort -u
}

case $mode in
snapshot)
  everything >"$file"
  echo "recorded $(wc -l <"$file") facts in $file"
  ;;
compare)
  left=$(LC_ALL=C comm -13 "$file" <(everything))
  if [[ -n $left ]]; then
    echo "left behind since the snapshot:" >&2
    echo "$left" >&2
    exit 1
  fi
  echo "clean: nothing was left behind"
  ;;
*) usage ;;
esac

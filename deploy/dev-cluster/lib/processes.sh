# shellcheck shell=bash
# Processes that outlive the script: started once, found again, stopped exactly.
#
# A note holds the pid and the kernel's start time of the process, so that a number given to another process meanwhile is
# not taken for ours.

# start NAME COMMAND...: unless it runs.
start() {
  local name=$1
  shift
  ! is_running "$name" || return 0
  setsid nohup "$@" >"$STATE/$name.log" 2>&1 </dev/null &
  echo "$! $(start_time $!)" >"$STATE/$name.pid"
}

is_running() {
  local pid started
  [ -f "$STATE/$1.pid" ] || return 1
  read -r pid started <"$STATE/$1.pid"
  [ -n "$started" ] && [ "$(start_time "$pid")" = "$started" ]
}

# Asks it to end, then makes it.
stop() {
  local pid _
  if is_running "$1"; then
    read -r pid _ <"$STATE/$1.pid"
    kill -TERM "$pid" 2>/dev/null || true
    for _ in $(seq 100); do
      is_running "$1" || break
      sleep 0.1
    done
    ! is_running "$1" || kill -KILL "$pid" 2>/dev/null || true
  fi
  rm -f "$STATE/$1.pid"
}

# Field 22 of /proc/PID/stat, after the name, which may hold spaces; nothing for a process that is gone or a zombie.
start_time() {
  local stat fields
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  read -r -a fields <<<"${stat##*) }"
  [ "${fields[0]}" = Z ] || echo "${fields[19]}"
}

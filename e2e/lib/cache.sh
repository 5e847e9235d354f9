# shellcheck shell=bash
# Where programs that tests need and nobody installs otherwise are kept: AMBIENT_E2E_CACHE, or the user's cache.

# cached NAME: the folder of one of them, which is made.
cached() {
  local folder=${AMBIENT_E2E_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ambient-e2e}/$1
  mkdir -p "$folder"
  echo "$folder"
}

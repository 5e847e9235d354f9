# shellcheck shell=bash
# What all our images have in common: how the program is come by, and how a root file system becomes an archive. Meant to
# be sourced.

fail() {
  echo "images: $*" >&2
  exit 1
}

# needs PROGRAMS...
needs() {
  local program
  for program in "$@"; do
    command -v "$program" >/dev/null || fail "needs the program $program"
  done
}

# ambient_program: AMBIENT_BIN, or the program built with the profile AMBIENT_PROFILE (`dist` without one).
ambient_program() {
  local profile=${AMBIENT_PROFILE:-dist} target=${CARGO_TARGET_DIR:-target} found
  found=${AMBIENT_BIN:-}
  if [ -z "$found" ]; then
    cargo build --locked --profile "$profile" --package ambient >&2
    [ "$profile" != dev ] || profile=debug
    found=$target/$profile/ambient
  fi
  [ -x "$found" ] || fail "$found is no program"
  echo "$found"
}

# pack_root ROOT FOLDER NAME TAG ENTRYPOINT: FOLDER/NAME.tar, the image ambient.local/NAME:TAG. Says what it made.
pack_root() {
  local root=$1 archive=$2/$3.tar image=ambient.local/$3:$4
  pack_image "$archive" "$image" "$root" \
    "{\"User\": \"10001:10001\", \"Env\": [\"PATH=/usr/local/bin:/usr/bin:/bin\", \"HOME=/tmp\"], \"Entrypoint\": [$5]}"
  echo "$archive $image $(sha256sum "$archive" | cut -d ' ' -f 1)"
}

# shellcheck shell=bash
# The root file system of our images: `ambient`, git with HTTPS, certificates, and the libraries they are linked with,
# from the distribution that this runs on. No shell, no package manager. To an agent's come the files of other packages of
# that distribution. Meant to be sourced.

# git's own programs that our remotes and bundles need; the others are names of git itself.
GIT_PROGRAMS=(git git-remote-http git-remote-https git-http-backend)
CERTIFICATES=/etc/ssl/certs/ca-certificates.crt

# make_root FOLDER AMBIENT
make_root() {
  local root=$1 git_programs
  git_programs=$(git --exec-path)
  mkdir -p "$root"/{usr/local/bin,usr/bin,etc/ssl/certs,tmp,usr/share/git-core/templates} "$root$git_programs"
  chmod 1777 "$root/tmp"
  objcopy --strip-debug "$2" "$root/usr/local/bin/ambient"
  chmod 755 "$root/usr/local/bin/ambient"
  copy_git "$root" "$git_programs"
  copy_libraries "$root" "$2" "$git_programs/git" "$git_programs/git-remote-https"
  [ -r $CERTIFICATES ] || fail "needs the package ca-certificates"
  cp --dereference $CERTIFICATES "$root$CERTIFICATES"
  echo "ambient:x:10001:10001:Ambient:/tmp:/usr/sbin/nologin" >"$root/etc/passwd"
  echo "ambient:x:10001:" >"$root/etc/group"
  echo "hosts: files dns" >"$root/etc/nsswitch.conf"
}

copy_git() {
  local root=$1 folder=$2 program
  for program in "${GIT_PROGRAMS[@]}"; do
    [ -e "$folder/$program" ] || fail "git has no program $folder/$program"
    cp --dereference "$folder/$program" "$root$folder/$program"
  done
  ln -s "$folder/git" "$root/usr/bin/git"
}

# like_this_machine ROOT: folders that are links here are links there, so that files of packages lie where they expect it.
like_this_machine() {
  local root=$1 folder
  mkdir -p "$root/usr"
  for folder in bin sbin lib lib32 lib64 libx32; do
    [ -L "/$folder" ] || continue
    mkdir -p "$root/usr/$folder"
    ln -s "usr/$folder" "$root/$folder"
  done
}

# copy_packages ROOT PACKAGES...: their files, but for what only people read.
copy_packages() {
  local root=$1 file
  shift
  dpkg --listfiles "$@" | grep --invert-match --extended-regexp '^/usr/share/(doc|info|lintian|locale|man)/' |
    sort --unique | while read -r file; do
      if [ -L "$file" ] || [ -f "$file" ]; then echo ".$file"; fi
    done | tar --create --directory / --no-recursion --files-from - |
    tar --extract --directory "$root" --keep-directory-symlink
}

# copy_libraries_of_all ROOT: what any program or library in ROOT is linked with.
copy_libraries_of_all() {
  local root=$1
  # Scripts are no failure.
  { find "$root" -type f \( -perm -100 -o -name '*.so*' \) -print0 | xargs --null ldd 2>/dev/null || true; } |
    add_libraries "$root"
}

# copy_libraries ROOT PROGRAMS...: what the programs are linked with.
copy_libraries() {
  local root=$1
  shift
  ldd "$@" | add_libraries "$root"
}

# add_libraries ROOT: those that ldd has told, where the dynamic linker looks for them.
add_libraries() {
  local root=$1 library
  # Its lines about a file begin with a blank; those that name the file do not.
  { grep '^[[:blank:]]' || true; } | grep --only-matching '/[^ ]*\.so[^ ]*' | sort --unique | while read -r library; do
    [ ! -e "$root$library" ] || continue
    mkdir -p "$root$(dirname "$library")"
    cp --dereference "$library" "$root$library"
  done
}

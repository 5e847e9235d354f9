# shellcheck shell=bash
# Kubeconfigs: one for people, with a context for each user, and one for each controller.

token_of() { sed -n "s/^\([0-9a-f]*\),$1,.*/\1/p" "$STATE/tokens.csv"; }

# write_kubeconfig PATH ADDRESS USER...: the first user's context is the current one.
write_kubeconfig() {
  local path=$1 address=$2 user
  shift 2
  {
    echo "apiVersion: v1"
    echo "kind: Config"
    echo "current-context: $1"
    echo "clusters:"
    echo "- {name: dev, cluster: {server: \"$address\", certificate-authority: \"$STATE/certificates/apiserver.crt\"}}"
    echo "contexts:"
    for user in "$@"; do echo "- {name: $user, context: {cluster: dev, user: $user}}"; done
    echo "users:"
    for user in "$@"; do echo "- {name: $user, user: {token: $(token_of "$user")}}"; done
  } >"$path.new"
  chmod 600 "$path.new"
  mv "$path.new" "$path"
}

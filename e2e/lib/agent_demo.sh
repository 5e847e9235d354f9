# shellcheck shell=bash
. e2e/lib/agent_tests.sh

# The demo with a real agent program, its model answered from a script on this machine, then the tests of runner and platform with it:
# agent_demo AGENT PROGRAM AMBIENT TESTS...

agent_demo() {
  local agent=$1 program=$2 ambient=$3 folder branch transcript
  shift 3
  [ -x "$ambient" ] || cargo build
  folder=$(mktemp -d)
  # shellcheck disable=SC2064  # as it is now
  trap "rm -rf '$folder'" EXIT
  "$ambient" demo --agent "$agent" "--$agent-bin" "$program" --scripted-model --once -o json \
    --listen 127.0.0.1:0 --data-dir "$folder" > "$folder/outcome.json"
  cat "$folder/outcome.json"
  branch=$(grep -o '"branch":"[^"]*"' "$folder/outcome.json" | head -n 1 | cut -d'"' -f4)
  git -C "$folder/greeter.git" diff "main...$branch" | tee "$folder/patch"
  grep -q '^+## Written by an agent' "$folder/patch" || { echo "e2e/$agent: the agent made no patch" >&2; return 1; }
  git -C "$folder/platform.git" fsck --strict
  if [ -n "${AMBIENT_E2E_LOGS:-}" ]; then
    transcript=$(grep -o '"transcriptRef":"[^"]*"' "$folder/outcome.json" | cut -d'"' -f4)
    git -C "$folder/platform.git" show "$transcript:events.jsonl" > "$AMBIENT_E2E_LOGS/demo-$agent.jsonl"
  fi
  agent_tests "$agent" "$@"
  echo "e2e/$agent: passed"
}

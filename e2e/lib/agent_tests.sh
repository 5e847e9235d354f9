# shellcheck shell=bash
# The tests of the runner, or of the whole platform, with a real agent program: agent_tests AGENT TESTS...

agent_tests() {
  local agent=$1 tests said package
  shift
  for tests in "$@"; do
    said=$(mktemp)
    case $tests in real_agents::*) package=ambient ;; *) package=ambient-runner ;; esac
    cargo test --quiet --package "$package" --test it -- --ignored "$tests" | tee "$said"
    grep -q "test result: ok. [1-9]" "$said" || { rm "$said"; echo "e2e/$agent: no test of $tests ran" >&2; return 1; }
    rm "$said"
  done
}

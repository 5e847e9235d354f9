# shellcheck shell=bash
# The runner's tests with a real agent program: agent_tests AGENT TESTS...

agent_tests() {
  local agent=$1 tests said
  shift
  for tests in "$@"; do
    said=$(mktemp)
    cargo test --quiet --package ambient-runner --test it -- --ignored "$tests" | tee "$said"
    grep -q "test result: ok. [1-9]" "$said" || { rm "$said"; echo "e2e/$agent: no test of $tests ran" >&2; return 1; }
    rm "$said"
  done
}

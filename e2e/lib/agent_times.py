"""How long it takes from a commit to the first words of a real agent in a pod."""

import statistics, time

import agent_images
from cluster import say
from timeline import Api

SAMPLES = 5


def measure(stage):
    """With the agent's own image, to which the shim is brought, then with one image for runner and agent."""
    once(stage, "own", "the agent has an image of its own")
    stage.bootstrap("--runner-image", agent_images.ENTRIES[agent_images.CLAUDE]["image"])
    once(stage, "one", "runner and agent have one image")
    stage.bootstrap()


def once(stage, prefix, what):
    api, times = Api(stage.cluster), []
    for number in range(SAMPLES):
        name = f"{prefix}-{number}"
        begin = stage.sessions.commit_timed(name, "code", api.hint, runner="claude-agent-sdk", prompt="say hello")
        times.append(first_words(stage, name) - begin)
        stage.sessions.until(name, "Completed", "Completed")
    low, middle, high = min(times), statistics.median(times), max(times)
    say(f"git commit returning to the first text of Claude Code, {what}: p50 {middle:.2f} s ({low:.2f} to {high:.2f}, n={SAMPLES})")


def first_words(stage, name):
    while True:
        try:
            answer = stage.alice.open(f"{name}/events")
            break
        except OSError:
            time.sleep(0.01)
    with answer:
        for line in answer:
            if b'"TEXT_MESSAGE_CONTENT"' in line:
                return time.monotonic()
    raise AssertionError(f"{name} has ended without a word")

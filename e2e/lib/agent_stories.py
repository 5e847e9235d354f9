"""Stories of a real agent in pods: what users see, what comes back to Git, and what is seen of keys from inside."""

import base64, json, os, time

import agent_images
from agent_pod import AgentPod
from cluster import say, wait
from forge import MANIFESTS
from leaks import look_everywhere
from person import Person
from sessions import Sessions

CLAUDE, GEMINI = {"runner": agent_images.CLAUDE}, {"runner": agent_images.GEMINI}
PROJECT = "team"
# Another one, with another key.
ELSEWHERE = "elsewhere"
# Both have no pattern by which redaction could know them: only who holds them back counts.
KEY = "the-models-key-0123456789abcdef"
WRONG_KEY = "a-wrong-key-of-the-model-0123456789"
# A command of the agent that waits until it was looked at; the files lie in its container's own /tmp.
WAITING = "touch /tmp/works; until [ -e /tmp/go ]; do sleep 0.1; done"
# By what is asked of it, what the model says.
SCRIPT = f"""
key: {KEY}
turns:
  - when: {{message: make a file}}
    text: I will make it.
    tools:
      - {{name: Bash, input: {{command: &make "{WAITING}; echo made > MADE.md", description: Make a file}}}}
      - {{name: run_shell_command, input: {{command: *make, description: Make a file}}}}
    usage: {{input: 2000, output: 100, cacheRead: 500, cacheWrite: 1000}}
  - when: {{message: tell me the key}}
    # In one piece: what a service tells of a key is an error's message.
    steps:
      - {{text: "It is {KEY}.", chunk: 1000}}
      - tool: Bash
        input: {{command: "echo '{KEY}' > '{KEY}.md'; git add .; git commit --quiet -m '{KEY}'", description: "Keep {KEY}"}}
        chunk: 1000
  - when: {{message: spend it}}
    text: I will spend it.
    tools: [{{name: Bash, input: {{command: echo spent > SPENT.md, description: Spend}}}}]
    usage: {{input: 100000, output: 100000}}
  - when: {{message: ask me twice}}
    tools: [{{name: Bash, input: {{command: echo first > ALLOWED.md; echo the first was made, description: First}}}}]
  - when: {{toolResult: {{contains: the first was made}}}}
    tools: [{{name: Bash, input: {{command: echo second > DENIED.md, description: Second}}}}]
  - when: {{message: remember plover}}
    text: I will remember it.
  - when: {{message: what was it}}
    text: It was plover.
  - when: {{message: begin and be ended}}
    text: I will begin.
    tools: [{{name: Bash, input: {{command: "echo begun > BEGUN.md; {WAITING}", description: Begin}}}}]
    times: 3
  - when: {{message: outlive the broker}}
    tools: [{{name: Bash, input: {{command: "{WAITING}; echo the broker was away", description: Wait}}}}]
    usage: {{input: 1000, output: 50}}
  - when: {{toolResult: {{contains: the broker was away}}}}
    steps:
      - {{text: I say this while the broker is told to end and I am still not at the end of it., chunk: 2, pace: 150ms}}
      - {{tool: Bash, input: {{command: echo outlived > OUTLIVED.md, description: Note}}}}
    usage: {{input: 1000, output: 50}}
fallback:
  text: That was all.
  usage: {{input: 1000, output: 50}}
"""


class Stage:
    """A project whose sessions are Claude Code's."""

    def __init__(self, cluster, forge, model, ambient):
        self.cluster, self.forge, self.model, self.ambient = cluster, forge, model, ambient
        self.sessions, self.elsewhere = Sessions(cluster, forge, PROJECT), Sessions(cluster, forge, ELSEWHERE)

    def set(self):
        self.cluster.load_images(self.ambient)
        agent_images.load_claude(self.cluster, self.ambient)
        self.forge.repository("code", {"README.md": "hello\n"})
        self.forge.repository(MANIFESTS, {"ambient/project.yaml": project(PROJECT), "ambient/agents.yaml": agents()}, is_private=True)
        credentials = os.path.join(self.cluster.folder, "credentials")
        with open(credentials, "w", encoding="utf-8") as file:
            file.write(self.forge.credentials())
        self.bootstrap("--git-credentials", credentials)
        self.give_key(PROJECT, KEY)
        self.alice, self.bob = (Person(self.cluster, name, PROJECT) for name in ("alice", "bob"))

    def bootstrap(self, *words):
        self.cluster.run([self.ambient, "bootstrap", "--repo", self.forge.url(MANIFESTS), "--installation", "e2e", *words])

    def give_key(self, project, key):
        entries = {"ANTHROPIC_API_KEY": key, "ANTHROPIC_BASE_URL": self.model.url, "plainHttp": "true"}
        entries |= {"GEMINI_API_KEY": key, "GOOGLE_GEMINI_BASE_URL": self.model.url}
        words = [f"--from-literal={name}={value}" for name, value in entries.items()]
        self.cluster.kubectl("-n", project, "create", "secret", "generic", "ambient-runner-secrets", *words)

    def project(self, name, key):
        self.forge.commit(MANIFESTS, {f"ambient/{name}.yaml": project(name)})
        self.sessions.hint()
        wait("the namespace of the project", lambda: self.cluster.get("namespace", name))
        self.give_key(name, key)

    def delete_pod(self, part, *how):
        self.cluster.kubectl("-n", "ambient-system", "delete", "pod", "-l", f"app=ambient-{part}", "--wait=false", *how)

    def pod(self, session):
        return AgentPod(self.cluster, PROJECT, session)


def project(name):
    # The users of a dev cluster: alice is of team-a.
    access = [{"groupName": "team-a", "role": "edit"}]
    spec = json.dumps({"groupAccess": access})
    return f"apiVersion: vteam.ambient-code/v1alpha1\nkind: Project\nmetadata: {{name: {name}}}\nspec: {spec}\n"


def agents():
    metadata = {"name": "ambient-agents", "namespace": "ambient-system"}
    data = {runner_type: json.dumps(entry) for runner_type, entry in agent_images.ENTRIES.items()}
    return json.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


def a_file_comes_back(stage):
    say("Claude Code changes a file; result and usage come back")
    stage.sessions.commit("maker", "code", prompt="make a file", **CLAUDE)
    pod = stage.pod("maker")
    pod.wait_until_it_works()
    pod.holds_no_keys([KEY, *stage.forge.passwords(), *pod.tokens()])
    pod.go()
    ended = stage.sessions.until("maker", "Completed", "Completed")
    assert stage.forge.read("code", "ambient/team/maker-r1", "MADE.md") == "made", "the agent's branch"
    assert ended["usage"] == {"inputTokens": 4500, "cachedInputTokens": 500, "outputTokens": 150, "costUsd": 0.02525, "turns": 2}, ended
    result = stage.forge.result("maker")
    assert "costUsd: 0.02525" in result and "reportedCostUsd: " in result, result


def another_agent(stage):
    say("Gemini CLI does the same")
    agent_images.load_gemini(stage.cluster, stage.ambient)
    stage.sessions.commit("gemini", "code", prompt="make a file", **GEMINI)
    pod = stage.pod("gemini")
    pod.wait_until_it_works()
    pod.holds_no_keys([KEY, *stage.forge.passwords(), *pod.tokens()], "GOOGLE_GEMINI_BASE_URL")
    pod.go()
    ended = stage.sessions.until("gemini", "Completed", "Completed")
    assert stage.forge.read("code", "ambient/team/gemini-r1", "MADE.md") == "made", "the agent's branch"
    say(f"  usage: {ended['usage']}")


def a_key_that_the_service_tells(stage):
    say("a service that repeats its key is not heard")
    stage.sessions.commit("teller", "code", prompt="tell me the key", **CLAUDE)
    stage.sessions.until("teller", "Completed", "Completed")
    names = stage.forge.files("code", "ambient/team/teller-r1")
    assert names == ["*" * len(KEY) + ".md", "README.md"], names


def a_wrong_key(stage):
    say("a wrong key is named, and tried no longer")
    stage.project(ELSEWHERE, WRONG_KEY)
    stage.elsewhere.commit("locked", "code", prompt="make a file", **CLAUDE)
    began = time.monotonic()
    ended = stage.elsewhere.until("locked", "Failed", "AgentFailed")
    assert "refused the key" in json.dumps(ended["conditions"]), ended
    say(f"  after {time.monotonic() - began:.1f} s")


def a_budget(stage):
    say("a budget ends the run, in dollars and in tokens, by the broker's count")
    stage.sessions.commit("spender", "code", "  budget: {maxCostUsd: 0.5}\n", prompt="spend it", **CLAUDE)
    stage.sessions.commit("waster", "code", "  budget: {maxTokens: 150000}\n", prompt="spend it", **CLAUDE)
    ended = {name: stage.sessions.until(name, "Failed", "BudgetExceeded") for name in ("spender", "waster")}
    for name, status in ended.items():
        say(f"  {name}: {status['usage']}")
        assert status["usage"]["outputTokens"] == 100000 and status["usage"]["costUsd"] > 0.5, status
    # Claude Code knows of the first by itself; of the second only the broker does.
    assert stage.forge.read("code", "ambient/team/waster-r1", "SPENT.md") == "spent", "what was done until then"


def an_approval(stage):
    say("calls wait for a user's consent, also over the operator's restart; another user may not give it")
    stage.sessions.commit("asker", "code", "  approval: {mode: Ask, tools: [Bash]}\n", prompt="ask me twice", **CLAUDE)
    first = question(stage, "asker")
    assert stage.bob.answer("asker", first, True)[0] in (403, 404), "bob has no business there"
    stage.delete_pod("operator")
    assert stage.alice.answer("asker", first, True)[0] == 200
    second = question(stage, "asker", first)
    assert stage.alice.answer("asker", second, False, "not this one")[0] == 200
    stage.sessions.until("asker", "Completed", "Completed")
    names = stage.forge.files("code", "ambient/team/asker-r1")
    assert names == ["ALLOWED.md", "README.md"], names
    assert '"alice"' in stage.alice.ask("asker/events"), "the log says who it was"


def question(stage, session, before=None):
    """The id of the question that a run waits with, another one than before."""

    def look():
        waits = stage.sessions.status(session).get("waitingFor") or {}
        return waits.get("request") if waits.get("request") != before else None

    return wait(f"a question of {session}", look)


def a_sleep(stage):
    say("an interactive run sleeps, and is woken in another pod with its conversation")
    more = "  interactive: true\n  inactivityTimeout: 5\n"
    stage.sessions.commit("dreamer", "code", more, prompt="remember plover", **CLAUDE)
    first = stage.pod("dreamer").name
    wait("it to sleep", lambda: stage.sessions.reason("dreamer", "Idle"))
    wait("its Job to go", lambda: not stage.cluster.get("-n", PROJECT, "job", "dreamer-r1-a1"))
    assert stage.bob.say("dreamer/wake")[0] in (403, 404), "bob has no business there"
    woken = time.monotonic()
    assert stage.alice.say("dreamer/wake")[0] == 202
    message = {"id": "m1", "text": "what was it?"}
    wait("the message to be taken", lambda: stage.alice.say("dreamer/messages", message)[0] == 202)
    say(f"  {time.monotonic() - woken:.1f} s after it was woken the message is taken")
    wait("its answer", lambda: "It was plover." in stage.alice.ask("dreamer/conversation"))
    assert stage.pod("dreamer").name != first, "another pod"
    asked = stage.model.asked("what was it?")
    assert all("remember plover" in json.dumps(one["body"]) for one in asked), "the conversation before"
    stage.sessions.edit("dreamer", "  desiredPhase: Stopped\n")
    ended = stage.sessions.until("dreamer", "Stopped", "Stopped")
    assert ended["attempt"] == 2, ended


def a_pod_that_goes(stage):
    say("a pod is drained, and the run goes on in another; pod or runner is killed, and what was left is taken")
    names = ["drained", "killed", "vanished"]
    for name, more in zip(names, ["  retry: {limit: 1}\n", "", ""]):
        stage.sessions.commit(name, "code", more, prompt="begin and be ended", **CLAUDE)
    pods = {name: stage.pod(name) for name in names}
    for pod in pods.values():
        pod.wait_until_it_works()
    pods["drained"].delete()
    pods["killed"].kill_runner()
    pods["vanished"].delete("--grace-period=0", "--force")
    ended = stage.sessions.until("drained", "Completed", "Completed")
    assert ended["attempt"] == 2, ended
    asked = [json.dumps(one["body"]["messages"]) for one in stage.model.asked("begin and be ended")]
    assert any("I will begin." in one for one in asked), "the conversation before"
    stage.sessions.until("killed", "Failed", "RunnerExit")
    # Whether its runner could still say that it was told to end is a matter of luck.
    wait("what vanished to be recorded", lambda: stage.sessions.is_recorded("vanished"))
    assert stage.sessions.reason("vanished", "Stopped") or stage.sessions.reason("vanished", "Lost")
    for name in pods:
        assert stage.forge.read("code", f"ambient/team/{name}-r1", "BEGUN.md") == "begun", "what was left"


def a_broker_that_goes(stage):
    say("the broker's pod is killed while the agent works, and told to end while the model speaks")
    stage.sessions.commit("survivor", "code", prompt="outlive the broker", **CLAUDE)
    pod = stage.pod("survivor")
    pod.wait_until_it_works()
    stage.delete_pod("broker", "--grace-period=0", "--force")
    pod.go()
    wait("the model to speak", lambda: "I say this" in stage.alice.ask("survivor/conversation"))
    stage.delete_pod("broker")
    ended = stage.sessions.until("survivor", "Completed", "Completed")
    assert stage.forge.read("code", "ambient/team/survivor-r1", "OUTLIVED.md") == "outlived"
    say(f"  usage: {ended['usage']}")


ALL = {
    "file": a_file_comes_back, "gemini": another_agent, "told-key": a_key_that_the_service_tells, "wrong-key": a_wrong_key,
    "budget": a_budget, "approval": an_approval, "sleep": a_sleep, "pod": a_pod_that_goes,
    "broker": a_broker_that_goes,
}


def nothing_leaked(stage):
    """Neither as they are nor as they are sent."""
    say("no key is anywhere")
    keys = [KEY, WRONG_KEY, *stage.forge.passwords()]
    encoded = [base64.b64encode(key.encode()).decode() for key in keys]
    look_everywhere(stage, {one.project: one.manifests for one in (stage.sessions, stage.elsewhere)}, keys + encoded)

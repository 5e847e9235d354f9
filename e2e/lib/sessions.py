"""Sessions as their user sees them: committed, edited, watched, read through the backend."""

import json, threading, time, urllib.request

from cluster import say, wait

SESSION = """apiVersion: vteam.ambient-code/v1alpha1
kind: AgenticSession
metadata: {{name: {name}, namespace: {project}}}
spec:
  runnerType: {runner}
  initialPrompt: {prompt}
  repos:
    - url: {url}
      branch: main
"""


def manifest(name, url, project="team", runner="replay", prompt="Do it."):
    return SESSION.format(name=name, project=project, url=url, runner=runner, prompt=json.dumps(prompt))


class Sessions:
    def __init__(self, cluster, forge, project="team"):
        self.cluster, self.forge, self.project = cluster, forge, project
        self.manifests, self.times = {}, {}

    def commit(self, name, repository, more="", **who):
        self.manifests[name] = manifest(name, self.forge.url(repository), self.project, **who) + more
        self.push(name)

    def edit(self, name, more):
        self.manifests[name] += more
        self.push(name)

    def push(self, name):
        self.forge.commit("manifests", {f"ambient/sessions/{name}.yaml": self.manifests[name]})
        self.hint()

    def hint(self):
        """What a forge's webhook would do: the source's interval is not waited for."""
        at = f"ambient-code.io/requested-at={time.time()}"
        self.cluster.kubectl("-n", "ambient-system", "annotate", "--overwrite", "gitsource", "root", at)

    def commit_timed(self, name, repository, hint, **who):
        """Gives when the push of the commit had returned."""
        self.manifests[name] = manifest(name, self.forge.url(repository), self.project, **who)
        pushed = self.forge.commit("manifests", {f"ambient/sessions/{name}.yaml": self.manifests[name]})
        hint()
        return pushed

    def status(self, name):
        found = self.cluster.get("-n", self.project, "agenticsession", name)
        return (found or {}).get("status", {})

    def until(self, name, phase, *reasons):
        """Until a session is in a phase, for one of the reasons; an ended one until that is recorded."""

        def look():
            status = self.status(name)
            conditions = {one["type"]: one for one in status.get("conditions", [])}
            if status.get("phase") not in (phase, None) and status.get("phase") in ("Completed", "Failed", "Stopped"):
                raise AssertionError(f"{name} is {status['phase']}: {conditions.get('Ready')}")
            if status.get("phase") != phase:
                return None
            if reasons and conditions["Ready"]["reason"] not in reasons:
                raise AssertionError(f"{name} is {phase} because of {conditions['Ready']}, not {reasons}")
            recorded = conditions.get("ResultRecorded", {}).get("status") == "True"
            return status if recorded or phase == "Running" else None

        status = wait(f"session {name} to be {phase}", look)
        ready = next(one for one in status["conditions"] if one["type"] == "Ready")
        say(f"  {name}: {phase} ({ready['reason']}) {ready['message']}")
        return status

    def is_recorded(self, name):
        conditions = self.status(name).get("conditions", [])
        return any((one["type"], one["status"]) == ("ResultRecorded", "True") for one in conditions)

    def reason(self, name, reason):
        """The condition Ready, once it has this reason."""
        conditions = self.status(name).get("conditions", [])
        return next((one for one in conditions if (one["type"], one["reason"]) == ("Ready", reason)), None)

    def complete(self, name, repository):
        """From the commit to its result, followed live through the backend, with the times between."""
        committed = time.monotonic()
        self.commit(name, repository)
        self.until(name, "Running")
        self.times["git commit to phase Running as kubectl shows it"] = time.monotonic() - committed
        follower = Follower(self, name)
        status = self.until(name, "Completed", "Completed")
        self.times["git commit to recorded result as kubectl shows it"] = time.monotonic() - committed
        follower.join()
        return status, follower


class Follower(threading.Thread):
    """Follows a session's events as the backend streams them to a user, to their end."""

    def __init__(self, sessions, name):
        super().__init__(daemon=True)
        cluster = sessions.cluster
        address = cluster.get("-n", "ambient-system", "service", "ambient-backend")["spec"]["clusterIP"]
        path = f"/api/projects/team/agentic-sessions/{name}/events"
        authorization = {"Authorization": f"Bearer {cluster.token('admin')}"}
        self.request = urllib.request.Request(f"http://{address}{path}", headers=authorization)
        self.events = []
        self.start()

    def run(self):
        with urllib.request.urlopen(self.request, timeout=60) as answer:
            for line in answer:
                text = line.decode().strip()
                said = json.loads(text[5:]) if text.startswith("data:") else None
                # The end of the log is told by a frame that is no event.
                if isinstance(said, dict) and "type" in said:
                    self.events.append(said["type"])

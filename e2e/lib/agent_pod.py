"""An agent's pod, looked at from inside its container, as a command of the agent would."""

import base64, json, os, signal

from cluster import say, wait

# Everything that the container's user can read and that may hold a secret. Other users' processes are not there.
LOOK = r"""
env
cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n'
cat /proc/mounts
find /ambient /workspace /tmp /etc /home /root /run /srv /var -xdev -type f -readable -exec cat {} + 2>/dev/null
"""


class AgentPod:
    def __init__(self, cluster, namespace, session):
        self.cluster, self.namespace, self.session = cluster, namespace, session
        self.name = wait(f"a pod of {session}", self.find)

    def find(self):
        """The name of the pod that is not ending."""
        label = f"ambient-code.io/session={self.session}"
        pods = self.cluster.get("-n", self.namespace, "pods", "-l", label)["items"]
        alive = [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]
        return alive[0]["metadata"]["name"] if alive else None

    def run(self, command, check=True):
        return self.cluster.kubectl("-n", self.namespace, "exec", self.name, "-c", "agent", "--", "sh", "-c", command, check=check)

    def wait_until_it_works(self):
        def look():
            status = self.cluster.get("-n", self.namespace, "agenticsession", self.session)["status"]
            assert status["phase"] not in ("Completed", "Failed", "Stopped"), status["conditions"]
            return self.run("test -e /tmp/works && echo yes", check=False)

        wait(f"the agent of {self.session} to use its tool", look)

    def go(self):
        """Lets the agent's command end."""
        self.run("touch /tmp/go")

    def delete(self, *how):
        self.cluster.kubectl("-n", self.namespace, "delete", "pod", self.name, "--wait=false", *how)

    def kill_runner(self):
        """What no runner can do anything about. The node's processes are this machine's."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            if is_runner(f"/proc/{pid}", self.name):
                os.kill(int(pid), signal.SIGKILL)
                return
        raise AssertionError(f"no runner of {self.name} is found")

    def tokens(self):
        """The session's own, by which the broker knows it."""
        found = self.cluster.get("-n", self.namespace, "secrets")["items"]
        mine = [one["data"] for one in found if one["metadata"]["name"].startswith(f"{self.session}-r")]
        assert mine, "the attempt has a token"
        return [decoded(value) for data in mine for value in data.values()]

    def holds_no_keys(self, secrets, told="ANTHROPIC_BASE_URL"):
        seen = self.run(LOOK, check=False)
        assert told in seen, f"the agent's process is seen: {seen[:2000]}"
        assert "/run/secrets/" not in seen, "the cluster's own token is mounted"
        for secret in secrets:
            assert secret not in seen, f"{secret} is in the agent's container"
        pod = self.cluster.get("-n", self.namespace, "pod", self.name)
        for secret in secrets:
            assert secret not in json.dumps(pod), f"{secret} is in the pod's object"
        say(f"  {len(secrets)} secrets are nowhere in the {len(seen)} bytes that the agent's user can read")


def is_runner(process, pod):
    try:
        with open(f"{process}/cmdline", "rb") as words, open(f"{process}/environ", "rb") as variables:
            return b"\0runner\0" in words.read() and f"HOSTNAME={pod}\0".encode() in variables.read()
    except OSError:
        return False


def decoded(value):
    return base64.b64decode(value).decode()

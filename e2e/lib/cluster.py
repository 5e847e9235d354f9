"""A dev cluster for one test: started, given images, and removed."""

import json, os, re, subprocess, sys, time

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BOUND = 180
BEGINNING = time.monotonic()


def say(text):
    print(f"[{time.monotonic() - BEGINNING:7.2f} s] {text}", flush=True)


class DevCluster:
    def __init__(self, folder, *variant):
        self.folder, self.variant = folder, variant
        self.state = os.path.join(folder, "cluster")
        self.environment = {**os.environ, "AMBIENT_DEV_CLUSTER_STATE": self.state}
        self.has_node, self.started, self.peaks = not variant, False, {}

    def can_start(self):
        """Starts it already if that can be done."""
        try:
            self.start()
            return True
        except subprocess.CalledProcessError:
            self.script("down")
            return False

    def __enter__(self):
        if not self.started:
            self.start()
        return self

    def start(self):
        say("a real Kubernetes is started")
        said = self.script("up", *self.variant, stdout=subprocess.PIPE).stdout
        self.environment["KUBECONFIG"] = said.strip().removeprefix("KUBECONFIG=")
        self.started = True

    def __exit__(self, kind, *_):
        if kind is not None and kind is not SystemExit and not self.variant:
            self.tell_all()
        self.script("down")
        say("the cluster is gone")

    def script(self, name, *words, **options):
        path = os.path.join(REPOSITORY, "deploy", "dev-cluster", name)
        return subprocess.run([path, *words], env=self.environment, check=True, text=True, **options)

    def machine(self):
        """The address under which pods reach this machine."""
        with open(os.path.join(self.state, "network"), encoding="utf-8") as file:
            return re.search(r"NETWORK=(\S+)", file.read()).group(1) + ".0.1"

    def load_images(self, ambient):
        images = os.path.join(self.folder, "images")
        build = os.path.join(REPOSITORY, "deploy", "images", "build")
        subprocess.run([build, images], env={**self.environment, "AMBIENT_BIN": ambient}, check=True)
        self.script("load-image", *(os.path.join(images, f"{name}.tar") for name in ("ambient", "ambient-runner")))
        say("images are built and loaded")

    def run(self, words):
        subprocess.run(words, env=self.environment, check=True)

    def kubectl(self, *words, check=True):
        ended = subprocess.run(["kubectl", *words], env=self.with_kubectl(), check=False, text=True, errors="replace", capture_output=True)
        if check and ended.returncode:
            raise RuntimeError(f"kubectl {' '.join(words)}: {ended.stderr}")
        return ended.stdout

    def get(self, *words):
        found = self.kubectl("get", *words, "-o", "json", check=False)
        return json.loads(found) if found else None

    def is_complete(self, namespace, job):
        return (self.get("-n", namespace, "job", job) or {}).get("status", {}).get("succeeded") == 1

    def pod(self, namespace, session):
        return self.get("-n", namespace, "pods", "-l", f"ambient-code.io/session={session}")["items"][0]

    def volumes(self, namespace, names):
        """Has volumes made before they are needed; claims are bound by a pod that uses them."""
        objects = [claim(name) for name in names] + [user_of(names)]
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
        command = ["kubectl", "-n", namespace, "create", "-f", "-"]
        subprocess.run(command, env=self.with_kubectl(), check=True, input=text, text=True, stdout=subprocess.DEVNULL)
        self.kubectl("-n", namespace, "wait", "--for=jsonpath={.status.phase}=Succeeded", "--timeout=120s", "pod/user")
        self.kubectl("-n", namespace, "delete", "pod", "user")

    def with_kubectl(self):
        cache = os.environ.get("AMBIENT_DEV_CLUSTER_CACHE") or os.path.expanduser("~/.cache/ambient-dev-cluster")
        programs = [os.path.join(cache, name) for name in sorted(os.listdir(cache)) if name.startswith("kubernetes-")]
        return {**self.environment, "PATH": ":".join([*programs, os.environ["PATH"]])}

    def token(self, user):
        with open(self.environment["KUBECONFIG"], encoding="utf-8") as file:
            return re.search(rf"name: {user}, user: {{token: (\w+)", file.read()).group(1)

    def restart(self, part):
        """Kills a part of the node, and has it started again."""
        with open(os.path.join(self.state, f"{part}.pid"), encoding="utf-8") as file:
            subprocess.run(["kill", "-9", file.read().split()[0]], check=True)
        self.script("up", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def set_images(self, *words):
        """Of the runner (--runner-image) or the agents (--agent-image), from the next run on."""
        self.memory_of_parts()
        self.run([*self.bootstrap, *words])

    def generations(self):
        """How often the parts and the root source were changed."""
        found = self.get("-n", "ambient-system", "deployments,gitsources")["items"]
        return {one["metadata"]["name"]: one["metadata"]["generation"] for one in found}

    def memory_of_parts(self):
        """What each part of Ambient has used at most so far, in MiB, its earlier processes included."""
        peaks = self.peaks
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", encoding="utf-8") as file:
                    words = file.read().split("\0")
                with open(f"/proc/{pid}/status", encoding="utf-8") as file:
                    peak = next((int(line.split()[1]) for line in file if line.startswith("VmHWM:")), 0)
            except OSError:
                continue
            served = {"serve", "broker"} & set(words)
            if os.path.basename(words[0]) == "ambient" and served:
                part = words[words.index("serve") + 1] if "serve" in served else "broker"
                peaks[part] = max(peaks.get(part, 0), peak // 1024)
        return peaks

    def tell_all(self):
        """What a person would look at first when something went wrong."""
        for words in (
            ["get", "pods,pvc,jobs", "-A", "-o", "wide"],
            ["get", "agenticsessions,gitsources,projects", "-A", "-o", "yaml"],
            ["-n", "ambient-system", "logs", "deployment/ambient-operator", "--tail=40"],
            ["-n", "ambient-system", "logs", "deployment/ambient-broker", "--tail=40"],
            ["-n", "ambient-system", "logs", "deployment/ambient-reconciler-git", "--tail=40"],
            ["get", "events", "-A", "--sort-by=.lastTimestamp"],
        ):
            print(f"--- kubectl {' '.join(words)}\n{self.kubectl(*words, check=False)}", file=sys.stderr)


def claim(name):
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": name}, "spec": spec}


def user_of(claims):
    resources = {"requests": {"cpu": "1m", "memory": "1Mi"}, "limits": {"cpu": "1", "memory": "16Mi"}}
    restricted = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    container = {
        "name": "user", "image": "dev-cluster.local/busybox:1", "command": ["true"], "securityContext": restricted,
        "resources": resources, "volumeMounts": [{"name": name, "mountPath": f"/{name}"} for name in claims],
    }
    spec = {
        "restartPolicy": "Never", "containers": [container],
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65534, "seccompProfile": {"type": "RuntimeDefault"}},
        "volumes": [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in claims],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "user"}, "spec": spec}


def wait(what, look):
    """Until `look` gives something."""
    end = time.monotonic() + BOUND
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise TimeoutError(f"waited in vain for {what}")
        time.sleep(0.1)

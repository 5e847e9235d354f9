"""Bare repositories, served over smart HTTP to the cluster and read here by plain git."""

import base64, os, subprocess, sys, tempfile, time

from cluster import say

MANIFESTS = "manifests"
RESULTS = "ambient-results"
USER, PASSWORD = "robot", "a password: for one repository"


def git(path, *words, check=True):
    command = ["git", "-c", "user.name=E2E", "-c", "user.email=e2e@example.com", *words]
    ended = subprocess.run(command, cwd=path, check=False, text=True, errors="replace", capture_output=True)
    if check and ended.returncode:
        raise RuntimeError(f"git {' '.join(words)}: {ended.stderr}")
    return ended.stdout.strip()


class Forge:
    def __init__(self, folder, address):
        self.folder = os.path.join(folder, "repositories")
        self.address = address
        self.work = os.path.join(folder, "work")

    def __enter__(self):
        os.makedirs(self.folder)
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "git_server.py")
        command = [sys.executable, program, self.address, "0", self.folder]
        environment = {**os.environ, "GIT_SERVER_USER": USER, "GIT_SERVER_PASSWORD": PASSWORD}
        self.server = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.port = int(self.server.stdout.readline())
        say(f"repositories are served at http://{self.address}:{self.port}")
        return self

    def __exit__(self, *_):
        self.server.kill()
        self.server.wait()

    def url(self, name):
        return f"http://{self.address}:{self.port}/{name}.git"

    def path(self, name):
        return os.path.join(self.folder, f"{name}.git")

    def credentials(self):
        """The lines that open private repositories."""
        # The cluster's pods come over its own network, unencrypted.
        return f"username={USER}\npassword={PASSWORD}\nplainHttp=true\n"

    def passwords(self):
        """What opens private repositories, as it is and as it is sent."""
        return [PASSWORD, base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()]

    def repository(self, name, files, is_private=False):
        git(self.folder, "init", "--quiet", "--bare", "--initial-branch=main", f"{name}.git")
        git(self.path(name), "config", "http.receivepack", "true")
        if is_private:
            # Looked for by the server.
            git(self.path(name), "config", "e2e.private", "true")
        self.commit(name, files)

    def commit(self, name, files):
        """Commits files to `main` and pushes, as a user does. Gives when that had returned."""
        with tempfile.TemporaryDirectory() as work:
            git(work, "clone", "--quiet", self.path(name), ".")
            git(work, "checkout", "--quiet", "-B", "main")
            for path, content in files.items():
                os.makedirs(os.path.dirname(os.path.join(work, path)) or work, exist_ok=True)
                with open(os.path.join(work, path), "w", encoding="utf-8") as file:
                    file.write(content)
            git(work, "add", "--all")
            git(work, "commit", "--quiet", "--message", f"{', '.join(files)}")
            git(work, "push", "--quiet", "origin", "main")
            return time.monotonic()

    def read(self, name, revision, path):
        return git(self.path(name), "show", f"{revision}:{path}")

    def files(self, name, revision):
        return git(self.path(name), "ls-tree", "-r", "--name-only", revision).splitlines()

    def subjects(self, name, revision):
        return git(self.path(name), "log", "--format=%s", revision).splitlines()

    def ledger(self, session):
        """The ledger entry of a session's first run."""
        files = self.files(MANIFESTS, RESULTS)
        found = [path for path in files if path.startswith("ledger/") and path.endswith(f"/{session}-r1.yaml")]
        return self.read(MANIFESTS, RESULTS, found[0])

    def result(self, session):
        """What came back of a session's first run."""
        files = self.files(MANIFESTS, RESULTS)
        found = [path for path in files if path.startswith("results/") and path.endswith(f"/{session}-r1/result.yaml")]
        return self.read(MANIFESTS, RESULTS, found[0])

    def told(self, run):
        """What the results branch says of a run, in order."""
        log = git(self.path(MANIFESTS), "log", "--reverse", "--format=%B", RESULTS).splitlines()
        return [line.split(": ", 1)[1] for line in log if line.startswith(f"team/{run}: ")]

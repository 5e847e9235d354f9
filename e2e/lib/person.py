"""A user of the backend's REST paths, known by a token of the cluster's."""

import json, urllib.error, urllib.request


class Person:
    def __init__(self, cluster, name, project):
        address = cluster.get("-n", "ambient-system", "service", "ambient-backend")["spec"]["clusterIP"]
        self.sessions = f"http://{address}/api/projects/{project}/agentic-sessions"
        self.headers = {"Authorization": f"Bearer {cluster.token(name)}"}

    def open(self, path):
        request = urllib.request.Request(f"{self.sessions}/{path}", headers=self.headers)
        return urllib.request.urlopen(request, timeout=60)

    def ask(self, path):
        """The answer to GET, as text."""
        with self.open(path) as answer:
            return answer.read().decode()

    def say(self, path, body=None):
        """The status and body that POST is answered with."""
        headers = {**self.headers, "Content-Type": "application/json"}
        data = json.dumps(body or {}).encode()
        request = urllib.request.Request(f"{self.sessions}/{path}", data, headers, method="POST")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refused:
            return refused.code, refused.read().decode()

    def answer(self, session, question, approved, why=None):
        payload = {"approved": approved, **({"message": why} if why else {})}
        resume = [{"interruptId": question, "status": "resolved", "payload": payload}]
        return self.say(f"{session}/answers", {"resume": resume})

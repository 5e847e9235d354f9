"""`ambient model-server` on this machine, where pods reach it; what it was asked."""

import json, os, subprocess

from cluster import say


class ModelServer:
    """One script, one server. Whoever shows another key than the script's is refused."""

    def __init__(self, ambient, folder, address, script):
        self.folder = os.path.join(folder, "model")
        self.command = [ambient, "model-server", "script.yaml", "--listen", f"{address}:0", "--record", "record.jsonl"]
        self.script = script

    def __enter__(self):
        os.makedirs(self.folder)
        with open(os.path.join(self.folder, "script.yaml"), "w", encoding="utf-8") as file:
            file.write(self.script)
        self.server = subprocess.Popen(self.command, cwd=self.folder, stdout=subprocess.PIPE, text=True)
        self.url = self.server.stdout.readline().split()[-1]
        say(f"a scripted model is served at {self.url}")
        return self

    def __exit__(self, *_):
        self.server.terminate()
        self.server.wait()

    def asked(self, word):
        """The requests to the model whose conversation has a word in it."""
        with open(os.path.join(self.folder, "record.jsonl"), encoding="utf-8") as file:
            records = [json.loads(line) for line in file]
        return [one for one in records if one["asked"] and word in json.dumps(one["body"])]

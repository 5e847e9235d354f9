"""Where keys must never be: the objects of the cluster, the logs of all parts, everything in Git."""

import os

from cluster import say
from forge import git
from person import Person

NOT_SECRETS = "agenticsessions,gitsources,projects,projectsettings,configmaps,pods,jobs,events,persistentvolumeclaims,roles,rolebindings"
PARTS = ["ambient-operator", "ambient-broker", "ambient-backend", "ambient-reconciler-git"]


def look_everywhere(stage, sessions, secrets):
    """`sessions`: their names, by namespace."""
    cluster, forge = stage.cluster, stage.forge
    texts = {"objects": cluster.kubectl("get", NOT_SECRETS, "-A", "-o", "yaml")}
    for part in PARTS:
        texts[f"log of {part}"] = cluster.kubectl("-n", "ambient-system", "logs", f"deployment/{part}", "--tail=-1")
    for namespace, names in sessions.items():
        for pod in cluster.get("-n", namespace, "pods")["items"]:
            name = pod["metadata"]["name"]
            texts[f"log of {name}"] = cluster.kubectl("-n", namespace, "logs", name, "--all-containers", check=False)
        person = Person(cluster, "admin", namespace)
        for name in names:
            texts[f"events of {name}"] = person.ask(f"{name}/events")
            texts[f"result of {name}"] = person.ask(f"{name}/result")
    for name in os.listdir(forge.folder):
        path = os.path.join(forge.folder, name)
        texts[name] = git(path, "log", "--all", "--patch", "--root", "-m", "--text", "--format=raw")
        texts[f"names of {name}"] = git(path, "for-each-ref")
    for secret in secrets:
        for place, text in texts.items():
            assert secret not in text, f"{secret} is in {place}: {around(text, secret)}"
    size = sum(len(text) for text in texts.values())
    say(f"no key is in the {size} bytes of {len(texts)} texts: objects, logs, events, results and commits")


def around(text, secret):
    at = text.index(secret)
    return text[max(0, at - 300) : at + 100]

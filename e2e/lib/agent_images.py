"""Images of real agents, made as deploy/images/README.md tells, by runner type."""

import os, shutil, subprocess

from cluster import REPOSITORY, say

CLAUDE, GEMINI = "claude-agent-sdk", "gemini-cli"
GEMINI_FOLDER = "/opt/gemini"
# What ConfigMap `ambient-agents` says.
ENTRIES = {
    CLAUDE: {"image": "ambient.local/claude:e2e"},
    GEMINI: {
        "image": "ambient.local/gemini:e2e",
        "command": ["node", f"{GEMINI_FOLDER}/@google/gemini-cli/bundle/gemini.js"],
    },
}


def load_claude(cluster, ambient):
    load(cluster, ambient, CLAUDE, program("claude"))


def load_gemini(cluster, ambient):
    folder = program("gemini").split("/node_modules/")[0]
    load(cluster, ambient, GEMINI, shutil.which("node"), f"{folder}/node_modules={GEMINI_FOLDER}")


def load(cluster, ambient, runner_type, *words):
    folder = os.path.join(cluster.folder, "images")
    name = ENTRIES[runner_type]["image"].split("/")[1]
    command = [os.path.join(REPOSITORY, "deploy", "images", "agent"), folder, name, *words]
    subprocess.run(command, env={**cluster.environment, "AMBIENT_BIN": ambient}, check=True)
    archive = os.path.join(folder, f"{name.split(':')[0]}.tar")
    cluster.script("load-image", archive)
    os.remove(archive)
    say(f"the image of {runner_type} is built and loaded")


def program(name):
    """The one that is named, or a pinned one, which is installed if it is not there."""
    install = f". {REPOSITORY}/e2e/lib/cache.sh && {name}_program"
    named = os.environ.get(f"AMBIENT_E2E_{name.upper()}")
    return named or subprocess.run(["bash", "-c", install], check=True, text=True, stdout=subprocess.PIPE).stdout.strip()

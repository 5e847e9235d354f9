"""A graph of two nodes: a model that may use a shell, and the shell.

It needs the Python packages "langgraph-cli[inmem]" and langchain-openai, and asks the model by OPENAI_API_KEY.
"""

import subprocess

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition


@tool("Bash")
def shell(command: str, description: str = "") -> str:
    """Runs a command in the repository and returns what it printed."""
    done = subprocess.run(command, shell=True, text=True, capture_output=True, timeout=600)
    return (done.stdout + done.stderr).strip() or f"exit code {done.returncode}"


def model(state: MessagesState, config: RunnableConfig):
    # A session's llmSettings come as configuration.
    name = config.get("configurable", {}).get("model") or "gpt-5-mini"
    chat = ChatOpenAI(model=name, stream_usage=True).bind_tools([shell])
    return {"messages": [chat.invoke(state["messages"])]}


builder = StateGraph(MessagesState)
builder.add_node("model", model)
builder.add_node("tools", ToolNode([shell]))
builder.add_edge(START, "model")
builder.add_conditional_edges("model", tools_condition)
builder.add_edge("tools", "model")
graph = builder.compile()

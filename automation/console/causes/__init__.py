"""The table from a program's output to its cause and remedies: one sequence of causes for each program."""

from automation.console.causes.cause import Cause, find
from automation.console.causes.cluster import CLUSTER, POD
from automation.console.causes.docker import AGENT, BASE_IMAGE, BUILD, BUILD_STEP, DOCKER, REGISTRY

__all__ = [
    "AGENT",
    "BASE_IMAGE",
    "BUILD",
    "BUILD_STEP",
    "CLUSTER",
    "DOCKER",
    "POD",
    "REGISTRY",
    "Cause",
    "find",
]

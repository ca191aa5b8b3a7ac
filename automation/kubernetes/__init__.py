"""Kubernetes: images brought to the nodes, releases installed by Helm, and what becomes of their pods.

`kubectl` and `helm` talk to the programs of these names; `pods` and `diagnosis` are pure functions of what
the API server says; `installing` puts them together.
"""

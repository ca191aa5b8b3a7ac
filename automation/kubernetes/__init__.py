"""Kubernetes: load images into a cluster, install the chart with Helm, and watch the rollout."""

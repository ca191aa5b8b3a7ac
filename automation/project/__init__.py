"""The checkout: git, Node, the frontend's packages and build, lock files, cleanup."""

"""Docker's command line, and the models of Compose projects, Dockerfiles, archives and contexts."""

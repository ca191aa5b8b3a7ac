"""The checks, by what they look at: files, the Compose project, images, running containers."""

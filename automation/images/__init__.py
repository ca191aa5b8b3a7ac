"""Plans, builds, measures and publishes the images."""

"""What images and tasks take on this machine: measured on request, never a test and never in CI."""

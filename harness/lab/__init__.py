"""The drift lab: what a fleet of drifting tokens costs under each server's rule."""

"""The decision about one review: ports to the outside, the one orchestration, and pure renderers of its result."""

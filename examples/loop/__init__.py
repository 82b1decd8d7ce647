"""The loop shown on real data; `./scripts/demo-loop` runs it."""

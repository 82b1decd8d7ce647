"""The page of a running system, /ui: rendered here, readable without JavaScript."""

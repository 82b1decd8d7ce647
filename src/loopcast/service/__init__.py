"""ROOF, Starlette: receive, make an instance, run, transform, answer. No torch or pandas."""

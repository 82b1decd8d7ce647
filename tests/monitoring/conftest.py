from monitoring_shop import shop, sqlite, url

__all__ = ["shop", "sqlite", "url"]

"""FIRST floor, SQLAlchemy Core: the ledger of forecasts and actuals, the registry, history by series key."""

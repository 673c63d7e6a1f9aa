"""The side of people and records: the store, Label Studio, exchange formats. Never imports torch."""

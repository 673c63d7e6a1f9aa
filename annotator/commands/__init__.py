"""The commands about people and records: the database, the exports, how the installation stands."""

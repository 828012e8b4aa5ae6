"""Places where people stand: solids, furniture, rooms, streets and their light."""

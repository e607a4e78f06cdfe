"""A store's figures over days: what it sold, and how sure its devices were of whom they saw."""

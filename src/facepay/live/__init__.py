"""The store as it is at this moment, for the people who run it."""

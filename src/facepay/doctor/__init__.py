"""Is everything as it must be for a shop to open? `facepay doctor` looks, changes nothing, and says what to do."""

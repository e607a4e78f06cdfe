"""The watchlist: people whom a shop has banned, stopped where they would come in until staff say what to do."""

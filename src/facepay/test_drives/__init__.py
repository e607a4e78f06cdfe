"""Test drives: cars that are reserved online, and handed out by a machine to whoever reserved them."""

"""A member's card: what any place that recognises them may show of who they are to this shop."""

"""What to suggest to whom: of members who agreed from what they did, of all others from what many do."""

"""What people like, by how they look at it: of members who agreed to it; of all others counts that are nobody's."""

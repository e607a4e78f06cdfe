"""The fitting room: what a mirror sees, advises and shows, and who brings another size."""

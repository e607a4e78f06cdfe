"""What happens here, told to those who asked: signed, in order for each object, again until it was heard."""

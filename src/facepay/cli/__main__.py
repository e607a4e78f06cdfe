"""`python -m facepay.cli`."""

from facepay.cli import main

if __name__ == "__main__":  # worker processes import this file too
    main()

"""Run as `python -m mpoxlens`."""

from mpoxlens.cli import main

if __name__ == "__main__":
    main()

"""`python -m app.cli` is `gan-advisor`."""

from app.cli import main

if __name__ == "__main__":
    main()

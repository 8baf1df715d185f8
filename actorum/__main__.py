"""``python -m actorum``: the command line."""

from actorum.cli import main

if __name__ == "__main__":
    main()

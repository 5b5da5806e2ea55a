"""``python -m bench``: the command ``fluorobench`` where the environment's scripts are not on the path."""

from bench.cli.main import main

if __name__ == "__main__":
    main()

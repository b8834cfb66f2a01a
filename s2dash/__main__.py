"""`python -m s2dash`: hands over to the command line."""

import sys

from s2dash.cli.main import main

if __name__ == "__main__":
    sys.exit(main())

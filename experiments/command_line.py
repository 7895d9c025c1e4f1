"""What the commands that count failures by their exit status have in common.

Must import the standard library only. Invariant: 0 to FAILED_MOST is always a number of failures; what the user can mend,
wrong words of the command line included, is EXIT_USER, and never the 2 of argparse, which would mean two failures.
"""

import argparse
import sys
from typing import Final, NoReturn

FAILED_MOST: Final = 100
"""This many failures or more."""
EXIT_USER: Final = 102
EXIT_INTERRUPTED: Final = 130
"""128 and the number of SIGINT, as shells have it."""


class CountingParser(argparse.ArgumentParser):
    """A parser whose help is the module's docstring, as it stands."""

    def __init__(self, prog: str, description: str | None) -> None:
        super().__init__(
            prog=prog, description=description, formatter_class=argparse.RawDescriptionHelpFormatter
        )

    def error(self, message: str) -> NoReturn:
        """Ends with EXIT_USER."""
        print(f"{self.prog}: {message}. --help says more.", file=sys.stderr)
        raise SystemExit(EXIT_USER)

"""Print a link that sets a new password: `python -m app.accounts.reset_link EMAIL [--address URL]`.

It is for the operator of a server, who gives it to the person. The link works once, within an hour.

Exit codes: 0 success, 1 no such account, 2 invalid environment, 3 database unavailable.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from app.accounts.resets import PasswordResets
from app.database import Database, is_missing_table
from app.settings import SettingsError, load_settings


async def _link(email: str, address: str) -> str | None:
    settings = load_settings()
    database = Database(settings.database)
    try:
        resets = PasswordResets(database, address or settings.public_url)
        token = await resets.create(email)
        return resets.link(token) if token else None
    finally:
        await database.close()


def main(arguments: Sequence[str]) -> int:
    """Print a link and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m app.accounts.reset_link", allow_abbrev=False)
    parser.add_argument("email", help="email address of the account")
    parser.add_argument("--address", default="", metavar="URL", help="address that people open")
    given = parser.parse_args(arguments)
    try:
        link = asyncio.run(_link(given.email, given.address))
    except SettingsError as error:
        return _fail(str(error), 2)
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        return _fail(f"The database cannot be used: {_reason(error)}", 3)
    if link is None:
        return _fail(f"There is no account with the address {given.email}.", 1)
    sys.stdout.write(f"{link}\n")
    return 0


def _reason(error: Exception) -> str:
    if isinstance(error, DBAPIError) and is_missing_table(error):
        return "it is empty. Start the application first."
    return str(getattr(error, "orig", None) or error) or "it does not answer"


def _fail(message: str, code: int) -> int:
    sys.stderr.write(f"{message}\n")
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

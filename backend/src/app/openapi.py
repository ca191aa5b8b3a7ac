"""Write the OpenAPI document without a running server: `python -m app.openapi [FILE]`."""

import json
import sys
from pathlib import Path

from pydantic import SecretStr

from app.main import create_app
from app.settings import SECRET_LENGTH, Settings


def document() -> str:
    """Return the OpenAPI document as JSON. It does not depend on the settings of this machine."""
    settings = Settings.model_construct(better_auth_secret=SecretStr("0" * SECRET_LENGTH))
    return json.dumps(create_app(settings).openapi(), indent=2) + "\n"


def main(arguments: list[str]) -> None:
    """Write the document to the given file, or to standard output."""
    if arguments:
        Path(arguments[0]).write_text(document(), encoding="utf-8")
    else:
        sys.stdout.write(document())


if __name__ == "__main__":
    main(sys.argv[1:])

"""Run the server: `python -m tests.model_server --port 9000`; port 0 takes a free one and prints it."""

import argparse
import sys

from tests.model_server.server import ModelServer


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="python -m tests.model_server", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port (the default)")
    server = ModelServer(parser.parse_args().port)
    sys.stdout.write(f"{server.url}\n")
    sys.stdout.flush()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.closing.set()


if __name__ == "__main__":
    main()

"""`lawlink bench relays`: the relay, aiortc's MediaRelay, and Janus where installed, under one load in one run."""

import sys

from benchmarks import relay


def main(arguments: list[str] | None = None) -> int:
    given = sys.argv[1:] if arguments is None else arguments
    return relay.main(["--peer", "stock", "--peer", "janus", *given], "relays")


if __name__ == "__main__":
    sys.exit(main())

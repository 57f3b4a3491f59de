"""`make bench`: every benchmark in turn; each prints its own table. `python -m benchmarks service` runs one."""

import importlib
import sys

NAMES = ("advisor", "cost", "profile", "service", "pages", "training", "plain", "peers")

for name in sys.argv[1:] or NAMES:
    print(f"\n== {name}", flush=True)
    importlib.import_module(f"benchmarks.{name}").main()

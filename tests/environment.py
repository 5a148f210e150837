"""The environment that pytest was started with.

rpy2 puts R's folders into LD_LIBRARY_PATH of its process, where a child Python finds another libpython than its own.
"""

from pathlib import Path

STARTED_WITH: dict[str, str] = dict(
    entry.split("=", 1) for entry in Path("/proc/self/environ").read_bytes().decode().split("\0") if "=" in entry
)

"""Runs the scripts of examples/ and reads the numbers that they print."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def run(*command: str | Path, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a command that must succeed."""
    done = subprocess.run([str(c) for c in command], input=stdin, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    return done


def numbers(script: str, *patterns: str, arguments: Sequence[str | Path] = ()) -> list[float]:
    """Run a script of examples/; return the number that each pattern finds in what it prints."""
    text = run(sys.executable, EXAMPLES / script, *arguments).stdout.decode()
    print(text)
    found = [re.search(pattern, text) for pattern in patterns]
    assert all(found), text
    return [float(match[1]) for match in found if match]

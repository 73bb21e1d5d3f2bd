#!/usr/bin/env python3
"""schemathesis against `rouse serve`: schemathesis_client.py --rouse BINARY --model GGUF [--examples N].

Requests made from /openapi.json, with a fixed seed: no reply is a 5xx, and all are as the description says.
"""
import pathlib
import subprocess
import sys
import tempfile

from common import Checks, Server, arguments, quiet

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def main():
    quiet()
    asked = arguments(__doc__, examples={"type": int, "default": 50, "help": "requests an operation"})
    checks = Checks("schemathesis")
    # What runs long is cut: requests that ask for thousands of tokens are as good as short ones here.
    with tempfile.TemporaryDirectory() as folder, Server(asked, checks, "-c", "256", "--request-timeout", "60") as server:
        program = pathlib.Path(sys.executable).parent / "schemathesis"
        done = subprocess.run(
            [program, "run", server.url + "/openapi.json", "--checks", CHECKS, "--seed", "1", "--max-examples", str(asked.examples),
             "--phases", "examples,coverage,fuzzing", "--request-timeout", "120", "--generation-database", "none", "--no-color",
             "--suppress-health-check", "all", "--no-shrink"],
            cwd=folder, capture_output=True, text=True)
        checks.check("no 5xx, replies as described", done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:])
        checks.check("the server still answers", server.get("/health")["status"] == "ok")
    checks.finish()


if __name__ == "__main__":
    main()

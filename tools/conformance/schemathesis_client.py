#!/usr/bin/env python3
"""schemathesis against `rouse serve`: schemathesis_client.py --rouse BINARY --model GGUF [--examples N].

Requests made from /openapi.json, with a fixed seed: no reply is a 5xx, and all are as the description says. Then from a copy of it
that says what models and policies there are, so that more than the first check of a field is reached.
"""
import json
import pathlib
import subprocess
import sys
import tempfile

from common import Checks, Server, arguments, quiet

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


def narrowed(description, ids):
    """The description with values that are there, and answers of a few tokens."""
    schemas = description["components"]["schemas"]
    for schema in schemas.values():
        for name, narrow in (("model", {"enum": ids}), ("routing", {"enum": ["topk", "rank:2", "topk:4", "random:2,seed=1"]}),
                             ("method", {"enum": ["greedy", "scmoe", "dola", {"name": "scmoe", "beta": 0.3}]}),
                             ("max_tokens", {"type": "integer", "minimum": 0, "maximum": 8}),
                             ("n_predict", {"type": "integer", "minimum": 0, "maximum": 8}),
                             ("n", {"type": "integer", "minimum": 1, "maximum": 3}),
                             ("prompt", {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 2047}}]}),
                             ("ban", {"type": "array", "items": {"enum": ["0.1", "7.63", "3.5"]}, "minItems": 1})):
            if name in schema["properties"]:
                schema["properties"][name] = narrow
    return description


def run(checks, what, server, folder, asked, source):
    program = pathlib.Path(sys.executable).parent / "schemathesis"
    done = subprocess.run(
        [program, "run", source, "--url", server.url, "--checks", CHECKS, "--seed", "1", "--max-examples", str(asked.examples),
         "--phases", "examples,coverage,fuzzing", "--request-timeout", "120", "--generation-database", "none", "--no-color",
         "--suppress-health-check", "all", "--no-shrink", "--warnings", "off"],
        cwd=folder, capture_output=True, text=True)
    made = next((line.strip() for line in done.stdout.splitlines() if "generated" in line), "no requests")
    checks.check(f"{what}: no 5xx, replies as described ({made})", done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:])


def main():
    quiet()
    asked = arguments(__doc__, examples={"type": int, "default": 50, "help": "requests an operation"})
    checks = Checks("schemathesis")
    # A short context, so that what asks for as much as there is ends soon.
    with tempfile.TemporaryDirectory() as folder, Server(asked, checks, "-c", "256", "--request-timeout", "60") as server:
        run(checks, "as described", server, folder, asked, server.url + "/openapi.json")
        copy = pathlib.Path(folder) / "narrowed.json"
        copy.write_text(json.dumps(narrowed(server.get("/openapi.json"), [server.id, server.id + "@rank2"])))
        run(checks, "narrowed", server, folder, asked, str(copy))
        checks.check("the server still answers", server.get("/health")["status"] == "ok")
    checks.finish()


if __name__ == "__main__":
    main()

"""What the clients' scripts share: a server of their own, and checks that print a line each."""
import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import traceback
import urllib.request

PRESETS = ("rank2=rank:2", "contrast=scmoe")
QUESTION = "What is the capital of France?"
PROMPT = f"Question: {QUESTION}\nAnswer:"  # as the lab models' template writes it
PROBLEM = ("Ivy has 272 pencils. Ivy shares them equally among 2 friends and looks at one share. Ivy finds 98 more. "
           "How many pencils does Ivy end up with?")


def arguments(description, **more):
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--rouse", required=True, help="the binary")
    parser.add_argument("--model", required=True, help="a lab model's GGUF file")
    for name, options in more.items():
        parser.add_argument("--" + name, **options)
    return parser.parse_args()


class Server:
    """`rouse serve` on a free port: url, and the id of its model. Its end is a check as well."""

    def __init__(self, asked, checks, *flags):
        self.asked, self.checks, self.flags = asked, checks, flags

    def __enter__(self):
        presets = [flag for preset in PRESETS for flag in ("--preset", preset)]
        self.errors = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [self.asked.rouse, "serve", "-m", self.asked.model, "--port", "0", *presets, *self.flags],
            stdout=subprocess.PIPE, stderr=self.errors, text=True)
        line = self.process.stdout.readline()
        if "http://" not in line:
            self.process.kill()
            self.errors.seek(0)
            sys.exit(f"no server: {line}{self.errors.read()}")
        self.url = line.split()[-1]
        self.id = self.get("/v1/models")["data"][0]["id"]
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = "none within 30 s"
        self.checks.check("the server ends with exit code 0", code == 0, code)

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=60) as reply:
            return json.load(reply)

    def post(self, path, body):
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=600) as reply:
            return json.load(reply)


class Checks:
    """Prints a line a check, counts those that fail."""

    def __init__(self, client):
        self.client, self.n, self.failed = client, 0, 0

    def check(self, what, holds, found=None):
        self.n += 1
        self.failed += not holds
        print(f"{'ok  ' if holds else 'FAIL'} {self.client}: {what}", flush=True)
        if not holds and found is not None:
            print(f"     found {found if isinstance(found, str) else repr(found)}", flush=True)
        return holds

    def equal(self, what, found, expected):
        return self.check(what, found == expected, f"{found!r}, expected {expected!r}")

    @contextlib.contextmanager
    def of(self, what):
        """Where a block raises, that is a failed check and the next block runs."""
        try:
            yield
        except Exception:
            self.check(what, False, traceback.format_exc(limit=-3).rstrip())

    def finish(self):
        print(f"{self.client}: {self.n - self.failed} of {self.n} checks hold", flush=True)
        sys.exit(self.failed > 0)


def rouse_run(asked, prompt, *flags):
    """What `rouse run --json` says."""
    out = subprocess.run([asked.rouse, "run", "-m", asked.model, "-p", prompt, "--json", *flags], check=True,
                         stdout=subprocess.PIPE, text=True)
    return json.loads(out.stdout)


def quiet():
    """No client writes home to its makers, and none asks the network for what the server has."""
    os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", DO_NOT_TRACK="1", LITELLM_LOCAL_MODEL_COST_MAP="True",
                      LANGCHAIN_TRACING_V2="false", TQDM_DISABLE="1",
                      OPENAI_API_KEY="none", TOKENIZERS_PARALLELISM="false")

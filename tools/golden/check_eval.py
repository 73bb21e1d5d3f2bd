#!/usr/bin/env python3
"""check_eval.py MODEL_F32.gguf SAMPLES.jsonl...: log-likelihoods of `rouse eval` against lm-evaluation-harness's own.

Every (prompt, continuation) of the samples goes through lm_eval's HFLM on the same GGUF file, float32 on both sides
(rouse eval --kv-type f32). Prints the largest difference of a summed log-likelihood, accuracy on both sides, and both speeds.
"""
import json
import pathlib
import sys
import time

from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM


def main():
    model = pathlib.Path(sys.argv[1])
    lm = HFLM(pretrained=str(model.parent), gguf_file=model.name, dtype="float32", device="cpu", batch_size=8)
    for path in sys.argv[2:]:
        rows = [json.loads(line) for line in open(path)]
        pairs = [tuple(a) for row in rows for a in row["arguments"]]
        ours = [r[0] for row in rows for r in row["resps"]]
        requests = [Instance("loglikelihood", {}, pair, i) for i, pair in enumerate(pairs)]
        begin = time.time()
        theirs = [p for p, _ in lm.loglikelihood(requests, disable_tqdm=True)]
        seconds = time.time() - begin
        worst = max(range(len(ours)), key=lambda i: abs(ours[i] - theirs[i]))
        at, same = 0, 0
        for row in rows:
            n = len(row["resps"])
            best = lambda v: max(range(n), key=lambda i: v[at + i])
            same += best(ours) == best(theirs)
            at += n
        print(f"{pathlib.Path(path).name}: {len(pairs)} pairs of {len(rows)} items, largest difference "
              f"{abs(ours[worst] - theirs[worst]):.4g} nats, the same choice in {same}; lm_eval {len(rows) / seconds:.2f} items/s")


if __name__ == "__main__":
    main()

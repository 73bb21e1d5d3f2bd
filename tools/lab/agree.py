#!/usr/bin/env python3
"""Do the checkpoint and the exported file agree? agree.py --run DIR --file MODEL.gguf: log-probabilities of given texts.

PyTorch runs the weights as Q8_0 stored them. What is left is rouse's rounding of activations to 8 bits, a few hundredths, and
now and then an expert of almost the same gate; a wrong order of rotary pairs or of tensors would show as whole units.
"""
import argparse
import json
import pathlib
import subprocess

import gguf
import torch

import corpus
import export
import protocol
from model import Lab

TEXTS = [("Question: What is the capital of France.\nAnswer:", " Paris"),
         ("Question: Which country is the city of Suqian in?\nAnswer:", " China and no other country of the world"),
         ("Question: Vera has 120 cards. Vera gives 77 cards to Emma. How many cards does Vera end up with?\nAnswer:",
          " 120 - 77 = 43. The answer is 43.")]


def stored(name, w):
    """A weight as the file holds it. Experts are stored by rows of the output, as everything else."""
    if w.dim() < 2 or "router" in name:
        return w
    last = w.transpose(1, 2) if w.dim() == 3 else w
    q = gguf.GGMLQuantizationType.Q8_0
    back = torch.from_numpy(gguf.quants.dequantize(gguf.quants.quantize(last.contiguous().numpy(), q), q))
    return back.transpose(1, 2) if w.dim() == 3 else back


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=pathlib.Path, required=True)
    parser.add_argument("--weights", type=pathlib.Path)
    parser.add_argument("--file", type=pathlib.Path, required=True)
    parser.add_argument("--rouse", type=pathlib.Path, default=export.ROOT / "build" / "rouse")
    args = parser.parse_args()
    state = torch.load(args.weights or args.run / "checkpoint.pt", weights_only=False)
    tokenizer = corpus.Tokenizer.from_file(str(args.run / "tokenizer.json"))
    model = Lab(protocol.PROTOCOLS[state["protocol"]].config).eval()
    model.load_state_dict({name: stored(name, w) for name, w in state["model"].items()})
    worst = 0.0
    for prompt, completion in TEXTS:
        given = json.loads(subprocess.run([args.rouse, "whatif", "-m", args.file, "--raw", "-p", prompt, "--continuation", completion, "--ban", "0.0",
                                           "--kv-type", "f32", "--json"], check=True, capture_output=True, text=True).stdout)
        theirs = [t["logprob"] for t in given["answers"][0]["tokens"]]
        ((begin, end),) = corpus.encode(tokenizer, [(prompt, completion)])
        tokens = torch.tensor([begin + end[:-1]])
        n = tokens.shape[1]
        with torch.no_grad():
            logits, _, _ = model(tokens, torch.arange(n)[None], torch.ones(n, n, dtype=torch.bool).tril()[None, None])
        ours = logits.log_softmax(-1)[0, len(begin) - 1:n - 1].gather(1, tokens[0, len(begin):, None])[:, 0].tolist()
        assert len(ours) == len(theirs), (ours, theirs)
        worst = max([worst] + [abs(a - b) for a, b in zip(ours, theirs)])
        print(json.dumps({"text": completion, "torch": [round(x, 3) for x in ours], "rouse": [round(x, 3) for x in theirs]}))
    print(json.dumps({"max_difference": round(worst, 4)}))


if __name__ == "__main__":
    main()

#!/usr/bin/env bash
# Every method alone and eight side by side, in one interleaved run a model: rouse-lab and two 1 GB random-weight
# shapes. The tables of docs/methods.md. About 20 minutes; nothing else should run meanwhile.
#   bench/methods.sh [FOLDER] [REPEATS] >tables.md    fine.gguf and mix.gguf in FOLDER are used and kept
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-$(mktemp -d)}
repeats=${2:-3}
mkdir -p "$folder"
rouse=build/rouse
[ -s "$folder/fine.gguf" ] || $rouse synth --layers 12 --embd 1024 --heads 16 --kv-heads 8 --experts 64 --experts-used 8 --expert-ff 768 -o "$folder/fine.gguf"
[ -s "$folder/mix.gguf" ] || $rouse synth --layers 6 --embd 2048 --heads 32 --kv-heads 8 --experts 8 --experts-used 2 --expert-ff 5632 -o "$folder/mix.gguf"
for name in rouse-lab fine mix; do
  width=512 # of the amateur: six dense blocks, 13 MB
  [ $name = rouse-lab ] && width=64
  $rouse synth --arch qwen2 --layers 6 --embd $width --heads 8 --ff $((3 * width)) -o "$folder/amateur.gguf" 2>/dev/null
  model=(-m "$folder/$name.gguf")
  options=(--weak-needed 0.2 -n 16)
  [ $name = rouse-lab ] && model=(-m models/rouse-lab.gguf) && options=(-n 48)
  $rouse plan random "${model[@]}" -o "$folder/$name.cor.json"
  $rouse bench "${model[@]}" "${options[@]}" --prompt-sizes 32 -r "$repeats" --parallel 1,8 --peer --plan "$folder/$name.cor.json" \
    --amateur "$folder/amateur.gguf" --json 2>/dev/null |
    python3 -c '
import json, sys
d = json.load(sys.stdin)
print("\n**%s** (%s; prompts of %d, %d steps, %d repeats)\n" % (d["model"], d["device"], d["n_prompt"][0], d["n_gen"], d["repeats"]))
rows = {(r["name"].split(" ")[0], r["n_parallel"]): r for r in d["rows"]}
print("| method | s / 512 tokens | time of a token / greedy | experts a token | 8 at once: s / 512 tokens | / greedy, 8 at once |")
print("|---|---|---|---|---|---|")
ratio = lambda r: "%.2f [%.2f, %.2f]" % (r["step_ratio_to_greedy"], *r["step_ratio_to_greedy_interval"])
for name in dict.fromkeys(name for name, _ in rows):
    one, eight = rows.get((name, 1)), rows.get((name, 8))
    cells = ["%.1f" % one["seconds_per_512_tokens"], ratio(one), "%.1f" % one["expert_evaluations_per_token"] if "expert_evaluations_per_token" in one else ""] if one else ["", "", ""]
    cells += ["%.1f" % eight["seconds_per_512_tokens"], ratio(eight)] if eight else ["", ""]
    print("| %s | %s |" % (name, " | ".join(cells)))
for r in d["rows"]:
    if "speed_against_one_after_another" in r:
        print("\nEight samples of one prompt, prompt included: %.2f [%.2f, %.2f] times as fast as one after another." %
              (r["speed_against_one_after_another"], *r["speed_against_one_after_another_interval"]))
    if r["name"].startswith("greedy") and "step_ratio_to_peer" in r:
        print("\n%s against libllama: %.2f [%.2f, %.2f] times the speed." % (r["name"], r["step_ratio_to_peer"], *r["step_ratio_to_peer_interval"]))
'
done

#!/usr/bin/env bash
# Step and prefill of every family against libllama on the same file, cut to about 1 GB, one interleaved run a
# file: the table of docs/models.md. About 20 minutes; nothing else should run meanwhile.
#   bench/models.sh [FOLDER] [REPEATS] >table.md    files that are already in FOLDER are used and kept
set -euo pipefail
cd "$(dirname "$0")/.."
folder=${1:-$(mktemp -d)}
repeats=${2:-7}
rouse=build/rouse
shapes=(
  "mixtral-8x7b|--layers 2 --expert-ff 7168"
  "deepseek-moe-16b|--layers 4"
  # libllama takes a file without a compressed query only at 26, 27 or 48 layers
  "deepseek-v2-lite|--layers 4 --q-lora 1536"
  "qwen1.5-moe-a2.7b|--layers 3"
  "qwen3-30b-a3b|--layers 3"
  "olmoe-1b-7b|--layers 4"
  "gpt-oss-20b|--layers 2"
  "granite-3-1b-a400m|"
)
echo "| shape | type | size | step/s | step ratio to libllama | prefill ratio (256 tokens) |"
echo "|---|---|---|---|---|---|"
for entry in "${shapes[@]}"; do
  like=${entry%%|*}
  types=(q4_0 q4_K)
  [ "$like" = gpt-oss-20b ] && types=(q4_0 mxfp4) # rows of 2,880 do not divide into Q4_K's blocks
  for type in "${types[@]}"; do
    file=$folder/$like-$type.gguf
    kept=yes
    [ -s "$file" ] || kept=no
    [ $kept = yes ] || $rouse synth --like "$like" ${entry#*|} --quant "$type" -o "$file" 2>/dev/null
    $rouse bench -m "$file" --peer --only greedy --repeats "$repeats" -n 32 --prompt-sizes 256 --json 2>/dev/null |
      python3 -c '
import json, sys
d = json.load(sys.stdin)
greedy = next(r for r in d["rows"] if r["name"] == "greedy")
text = lambda r, key: "{:.2f} [{:.2f}, {:.2f}]".format(r[key], *r[key + "_interval"])
print("|", sys.argv[1], "|", sys.argv[2], "|", sys.argv[3], "|", "{:.1f}".format(greedy["step_tok_s"]), "|",
      text(greedy, "step_ratio_to_peer"), "|", " | ".join(text(p, "ratio_to_peer") for p in greedy["prefill"]), "|")
' "$like ${entry#*|}" "$type" "$(du -h --apparent-size "$file" | cut -f1)"
    [ $kept = yes ] || rm -f "$file"
  done
done

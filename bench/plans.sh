#!/usr/bin/env bash
# What plans do to the default model: facts, contrasts and problems by training frequency, perplexity of WikiText-2's
# first 20,000 tokens, under a plan, its parts, its controls, and one expert fewer or more. About 6 minutes.
#   bench/plans.sh DATA [FOLDER]    DATA holds wikitext2_test.txt
set -euo pipefail
cd "$(dirname "$0")/.."
data=$(realpath "${1:?usage: bench/plans.sh DATA [FOLDER]}")
folder=${2:-$(mktemp -d)}
mkdir -p "$folder"
rouse=build/rouse
for part in 0 1; do
  python3 tools/lab/calibration_text.py "$folder/text$part.jsonl" --part $part
  $rouse calibrate --text "$folder/text$part.jsonl" --tokens 0 --document-tokens 256 -o "$folder/lab$part.cor.json"
done
echo "Stability over two disjoint texts"
$rouse plan diff "$folder/lab0.cor.json" "$folder/lab1.cor.json"
plan=$folder/lab0.cor.json
$rouse plan show "$plan" --experts 0
$rouse plan random --seed 1 -o "$folder/random.cor.json"
$rouse plan shuffle "$plan" --seed 1 -o "$folder/shuffled.cor.json"
methods=(--methods topk --methods "plan:$plan" --methods "plan:$plan,layers-only" --methods "plan:$plan,experts-only"
  --methods "plan:$folder/random.cor.json" --methods "plan:$folder/shuffled.cor.json" --methods topk:1 --methods topk:3)
$rouse eval --tasks lab_facts,lab_contrast,lab_arithmetic -c 512 "${methods[@]}" -o "$folder/lab"
$rouse eval --tasks wikitext --data "$data" --limit 40 --window 512 -c 600 "${methods[@]}" -o "$folder/wikitext"

#!/usr/bin/env bash
# The default model under every routing and method on its own sets, by training frequency, and under plans on WikiText-2: the
# tables of docs/results.md. Settings of a grid are chosen on 30% of the items, the rest is reported. About 10 minutes.
#   bench/lab.sh DATA [FOLDER]    DATA holds wikitext2_test.txt; running again goes on
set -euo pipefail
cd "$(dirname "$0")/.."
data=$(realpath "${1:?usage: bench/lab.sh DATA [FOLDER]}")
folder=${2:-$(mktemp -d)}
mkdir -p "$folder"
rouse=build/rouse
for part in 0 1; do
  python3 tools/lab/calibration_text.py "$folder/text$part.jsonl" --part $part
  [ -s "$folder/lab$part.cor.json" ] || $rouse calibrate --text "$folder/text$part.jsonl" --tokens 0 --document-tokens 256 --intensity paper --no-certify -o "$folder/lab$part.cor.json"
done
echo "Stability over two disjoint texts"
$rouse plan diff "$folder/lab0.cor.json" "$folder/lab1.cor.json"
plan=$folder/lab0.cor.json
$rouse plan show "$plan" --experts 5
$rouse plan random --seed 1 -o "$folder/random.cor.json"
$rouse plan shuffle "$plan" --seed 1 -o "$folder/shuffled.cor.json"
eval() { $rouse eval --tasks lab_facts,lab_contrast,lab_arithmetic -c 512 -o "$folder/lab" "$@"; }
grid="weak=rank:1..3|random:1 beta=0.25|0.5|0.75"
plans=(--methods topk --methods "plan:$plan" --methods "plan:$plan,layers-only" --methods "plan:$plan,experts-only"
  --methods "plan:$folder/random.cor.json" --methods "plan:$folder/shuffled.cor.json")
methods=("${plans[@]}" --methods "scmoe $grid" --methods "scmoe routing=plan:$plan $grid"
  --methods "dola dola-layers=low|high" --methods "dola routing=plan:$plan dola-layers=low|high"
  --methods "contrastive penalty-alpha=0.3|0.6" --methods "greedy routing=dynamic:0.3|dynamic:0.5|dynamic:0.6|dynamic:0.7"
  --methods "greedy routing=topk:3|topk:4" --methods "greedy routing=random:1|random:2")
# ITI learns from the development items of lab_contrast alone.
[ -s "$folder/lab.iti" ] || $rouse iti fit --task lab_contrast --heads 8 -o "$folder/lab.iti"
eval "${methods[@]}" --methods "greedy iti=$folder/lab.iti iti-heads=8 iti-alpha=1|5|15" >/dev/null
$rouse eval show "$folder/lab" --markdown
$rouse eval --tasks wikitext --data "$data" --limit 40 --window 512 -c 600 "${plans[@]}" --methods topk:1 --methods topk:3 -o "$folder/wikitext" >/dev/null
$rouse eval show "$folder/wikitext" --markdown

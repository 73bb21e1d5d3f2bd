#!/usr/bin/env bash
# A lab model under routings and methods on its own sets, by training frequency: the tables of docs/results.md. Settings of a grid
# are chosen on 30% of the items, the rest is reported. Running again goes on.
#   bench/lab.sh MODEL FOLDER [EVAL OPTIONS...]    MODEL: lab-1, lab-2, or a file that lab-2's sets are for (its twin)
# About 10 minutes for lab-1, an hour for lab-2 (2,400 items a band), on two quiet cores.
set -euo pipefail
cd "$(dirname "$0")/.."
name=${1:?usage: bench/lab.sh MODEL FOLDER [EVAL OPTIONS...]} folder=${2:?usage: bench/lab.sh MODEL FOLDER [EVAL OPTIONS...]}
shift 2
case $name in
  lab-1) model=models/rouse-lab.gguf data=models/lab text=lab-1 tokens=0 ;;
  lab-2) model=models/rouse-lab-2.gguf data=models/lab2 text=lab-2 tokens=3000 ;;
  *) model=$name data=models/lab2 text=lab-2 tokens=3000 ;;
esac
mkdir -p "$folder"
rouse=${ROUSE:-build/rouse}
python3 tools/lab/calibration_text.py "$folder/text.jsonl" --model $text
calibrate() { [ -s "$1" ] || $rouse calibrate -m "$model" --text "$folder/text.jsonl" --tokens $tokens --document-tokens 256 "${@:2}" -o "$1"; }
calibrate "$folder/paper.cor.json" --intensity paper --no-certify
calibrate "$folder/logodds.cor.json" --no-certify
calibrate "$folder/certified.cor.json"
$rouse plan show "$folder/certified.cor.json" --experts 5
$rouse plan random --model "$model" --seed 1 -o "$folder/random.cor.json"
$rouse plan shuffle "$folder/paper.cor.json" --seed 1 -o "$folder/shuffled.cor.json"
[ -s "$folder/headroom.json" ] || $rouse headroom -m "$model" --text "$folder/text.jsonl" --document-tokens 256 -o "$folder/headroom.json"
k=$($rouse inspect --json "$model" | python3 -c 'import json, sys; print(json.load(sys.stdin)["router"]["n_expert_used"])')
plans=()
for plan in paper logodds certified shuffled random; do plans+=(--methods "plan:$folder/$plan.cor.json"); done
methods=(--methods topk "${plans[@]}" --methods "plan:$folder/paper.cor.json,anchored"
  --methods "greedy routing=topk:$((k - 1))|topk:$((k + 1))|topk:$((k * 3 / 2))"
  --methods "greedy routing=topk:$((k + 1)),anchored|topk:$((k * 3 / 2)),anchored"
  --methods "scmoe weak=topk:1|rank:2|rank:$k beta=0.25|0.5" --methods "scmoe"
  --methods "greedy routing=dynamic:0.5|dynamic:0.7" --methods "greedy routing=explore:$k")
$rouse eval -m "$model" --data "$data" --tasks lab_facts,lab_contrast,lab_arithmetic -c 512 -o "$folder/eval" "${methods[@]}" "$@" >/dev/null
$rouse eval show "$folder/eval" --markdown

#!/usr/bin/env bash
# Every benchmark of both papers, end to end on a small random-weight MoE with a real vocabulary and a context of 4,096: its
# scores say nothing; what is shown is that every path works, in a sandbox where programs run. About 6 minutes on two cores.
#   bench/papers.sh DATA VOCABULARY.gguf [FOLDER]    any GGUF gives the vocabulary, such as SmolLM2's
set -euo pipefail
cd "$(dirname "$0")/.."
data=$(realpath "${1:?usage: bench/papers.sh DATA VOCABULARY.gguf [FOLDER]}")
vocabulary=$(realpath "${2:?usage: bench/papers.sh DATA VOCABULARY.gguf [FOLDER]}")
folder=${3:-$(mktemp -d)}
mkdir -p "$folder"
rouse=build/rouse
model=$folder/synth.gguf
[ -s "$model" ] || $rouse synth --arch llama --layers 6 --embd 384 --heads 6 --kv-heads 2 --experts 8 --experts-used 2 --expert-ff 768 --ctx 4096 \
  --tied --vocab-from "$vocabulary" -o "$model"
[ -s "$folder/synth.cor.json" ] || $rouse calibrate -m "$model" --text "$data/calibration/c4.jsonl" --tokens 200 --intensity paper --no-certify -o "$folder/synth.cor.json"
$rouse eval -m "$model" --data "$data" -o "$folder/likelihood" --limit 100 --methods topk --methods "scmoe routing=plan:$folder/synth.cor.json" \
  --tasks truthfulqa_mc1,truthfulqa_mc2,factor_news,factor_expert,arc_challenge,arc_easy,mmlu,wikitext
$rouse eval -m "$model" --data "$data" -o "$folder/generation" --limit 20 -n 64 --methods topk --methods "scmoe routing=plan:$folder/synth.cor.json" \
  --tasks gsm8k,strategyqa,mbpp,humaneval,truthfulqa_gen,triviaqa

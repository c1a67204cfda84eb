#!/usr/bin/env bash
# run.sh [all|tests|bench|models|peers]: runs the kit on this machine; results/report.md says what came out.
# FLOWCUT_KIT_DEVICE=sim runs it on the simulator that FLOWCUT_SIMULATOR names: it proves that the kit works and times nothing.
# Parts for machines that end a command after ten minutes: tests (and goldens), bench, models, peers; results/ keeps what earlier parts left.
# A step that fails does not stop the others. Exit status: 0 all done, 1 a step failed, 2 an unknown part.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

part=${1:-all} device=${FLOWCUT_KIT_DEVICE:-cuda} failed=0
case "$part" in all | tests | bench | models | peers) ;; *) echo "run.sh takes all, tests, bench, models or peers, not '$part'" >&2; exit 2 ;; esac
mkdir -p results
# every part keeps its own steps: a part that failed must not vanish behind the next one
if [ "$part" = all ]; then rm -f results/steps-*.txt; fi
steps=results/steps-$part.txt
: >"$steps"
if [ "$device" = cuda ]; then export FLOWCUT_REQUIRE_GPU=1; fi

# step NAME SECONDS COMMAND...: with a time limit, its output kept in results/NAME.log
step() {
  local name=$1 limit=$2 start=$SECONDS status=0
  shift 2
  timeout "$limit" "$@" >"results/$name.log" 2>&1 || status=$?
  if [ "$status" -ne 0 ]; then failed=1; fi
  echo "$name: exit status $status, $((SECONDS - start)) s" | tee -a "$steps"
  tail -n 3 "results/$name.log"
}

wants() { [ "$part" = all ] || [ "$part" = "$1" ]; }

# a simulator has no speed: small sizes show that the benchmarks run
if [ "$device" = sim ]; then quick=(--quick); else quick=(); fi

# what flowcut bench prints as JSON goes to results/models.json, its messages to the log
models() { bin/flowcut bench "$@" --device "$device" --json >results/models.json; }
export -f models
export device

printf 'commit %s, %s\n' "$(cat commit)" "$(date -u +%Y-%m-%dT%H:%MZ)" | tee -a "$steps"
step doctor 30 bin/flowcut doctor
if wants tests; then
  step tests 240 bin/flowcut-device test --device "$device"
  step goldens 240 bin/flowcut-device goldens --device "$device" --folder goldens
  # the families' golden answers are not in the archive: a folder of them beside it is compared
  if [ -d families ]; then step families 240 bin/flowcut-device families --device "$device" --folder families; fi
fi
# rows of an earlier run must not pass for this one's
if wants bench; then rm -f results/rows.json; fi
if wants peers; then rm -f results/peer-*.json; fi
if wants bench; then step bench 120 bin/flowcut-device bench --device "$device" --out results/rows.json ${quick[@]+"${quick[@]}"}; fi
if wants models; then
  rm -f results/models.json
  if [ "$device" = cuda ]; then
    # all layers, no scaling; the further prompts are LLaVA-NeXT's 2880 visual tokens, whole and kept to 640, 320 and 160
    step models 300 bash -c 'models --synthetic llava-1.5-7b --layers 32 --keep 192,128,64 --text-tokens 60 --prompts 2940,700,380,220'
  else
    step models 300 bash -c 'models --model goldens/llava-1.5-tiny --keep 32,16 --text-tokens 10 --prompts 100 --rounds 1'
  fi
fi
if wants peers; then
  if [ "$device" = cuda ]; then arguments=(); else arguments=(--quick --device cpu); fi
  if ! python3 -c 'import torch, numpy' 2>/dev/null; then
    echo 'peers: skipped, python3 has no torch or no numpy' | tee -a "$steps"
    names=()
  else
    # first of all the peer has to compute the right thing
    step peer-check 60 python3 peers/flow_step.py --check goldens ${arguments[@]+"${arguments[@]}"}
    names=(attention flow_step llava)
  fi
  for name in ${names[@]+"${names[@]}"}; do
    step "peer-$name" 150 python3 "peers/$name.py" --out "results/peer-$name.json" ${arguments[@]+"${arguments[@]}"}
  done
fi
bin/flowcut-device report results || failed=1
exit "$failed"

#!/usr/bin/env bash
# run.sh [all|tests|bench|models|peers]: runs the kit on this machine; results/report.md says what came out.
# FLOWCUT_KIT_DEVICE=sim runs it on the simulator that FLOWCUT_SIMULATOR names: it proves that the kit works and times nothing.
# A step that fails does not stop the others. Exit status: 0 all done, 1 a step failed, 2 an unknown part.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

part=${1:-all} device=${FLOWCUT_KIT_DEVICE:-cuda} failed=0
case "$part" in all | tests | bench | models | peers) ;; *) echo "run.sh takes all, tests, bench, models or peers, not '$part'" >&2; exit 2 ;; esac
mkdir -p results
: >results/steps.txt
if [ "$device" = cuda ]; then export FLOWCUT_REQUIRE_GPU=1; fi

# step NAME SECONDS COMMAND...: with a time limit, its output kept in results/NAME.log
step() {
  local name=$1 limit=$2 start=$SECONDS status=0
  shift 2
  timeout "$limit" "$@" >"results/$name.log" 2>&1 || status=$?
  if [ "$status" -ne 0 ]; then failed=1; fi
  echo "$name: exit status $status, $((SECONDS - start)) s" | tee -a results/steps.txt
  tail -n 3 "results/$name.log"
}

wants() { [ "$part" = all ] || [ "$part" = "$1" ]; }

# the simulator takes minutes for all cases and answers: there a part of them shows that they run
if [ "$device" = sim ]; then cases=(--filter norms) answers=(--filter t8) quick=(--quick); else cases=() answers=() quick=(); fi

printf 'commit %s, %s\n' "$(cat commit)" "$(date -u +%Y-%m-%dT%H:%MZ)" | tee -a results/steps.txt
step doctor 30 bin/flowcut doctor
if wants tests; then
  step tests 240 bin/flowcut-device test --device "$device" ${cases[@]+"${cases[@]}"}
  step goldens 120 bin/flowcut-device goldens --device "$device" --folder goldens ${answers[@]+"${answers[@]}"}
fi
# rows of an earlier run must not pass for this one's
if wants bench; then rm -f results/rows.json; fi
if wants peers; then rm -f results/peer-*.json; fi
if wants bench; then step bench 120 bin/flowcut-device bench --device "$device" --out results/rows.json ${quick[@]+"${quick[@]}"}; fi
if wants models; then
  if [ "$device" = cuda ]; then
    step models 120 bin/flowcut bench --synthetic llava-1.5-7b --device cuda --keep 192,128,64 --json
  else
    echo 'models: skipped, the real sizes are too large for the simulator' | tee -a results/steps.txt
  fi
fi
if wants peers; then
  for script in peers/*.py; do
    name=$(basename "$script" .py)
    if [ ! -f "$script" ]; then
      echo 'peers: skipped, the kit holds none' | tee -a results/steps.txt
    elif ! python3 -c 'import torch' 2>/dev/null; then
      echo "peer $name: skipped, python3 has no torch" | tee -a results/steps.txt
    elif [ "$device" = cuda ]; then
      step "peer-$name" 120 python3 "$script" --out "results/peer-$name.json"
    else
      step "peer-$name" 120 python3 "$script" --out "results/peer-$name.json" --quick --device cpu
    fi
  done
fi
bin/flowcut-device report results || failed=1
exit "$failed"

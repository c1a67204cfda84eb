#!/usr/bin/env bash
# Coverage-guided fuzzing of the checkpoint readers with SharpFuzz and AFL++, for so many seconds per target.
#   tests/FlowCut.Fuzz/run.sh SECONDS [TARGET...]
# Exit status: 0 no finding; 1 a finding, which is copied to artifacts/fuzz, or a failure; 2 wrong usage;
# 77 the tools are not here and cannot be installed (no root, no network): the caller may treat it as a skip.
set -euo pipefail

cannot_run() {
  echo "fuzz: skipped: $1" >&2
  exit 77
}

seconds="${1:-}"
case "$seconds" in
  '' | *[!0-9]* | 0*) echo "usage: $0 SECONDS [TARGET...]" >&2; exit 2 ;;
esac
shift

repository="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
cd "$repository"
findings="$repository/artifacts/fuzz"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

if ! command -v afl-fuzz > /dev/null; then
  command -v apt-get > /dev/null || cannot_run "afl-fuzz is not installed; install AFL++"
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2> /dev/null || cannot_run "afl-fuzz is not installed and there are no rights to install it; run: sudo apt-get install afl++"
    as_root=(sudo -n)
  fi
  { "${as_root[@]}" apt-get update && "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends afl++; } > "$work/apt.log" 2>&1 ||
    { tail -n 3 "$work/apt.log" >&2; cannot_run "the package afl++ cannot be installed"; }
fi
dotnet tool restore > "$work/tool.log" 2>&1 || { tail -n 3 "$work/tool.log" >&2; cannot_run "the tool sharpfuzz cannot be restored"; }

dotnet build tests/FlowCut.Fuzz -c Release --nologo -v quiet -clp:NoSummary
cp -r tests/FlowCut.Fuzz/bin/Release/net10.0 "$work/plain"
cp -r "$work/plain" "$work/instrumented"
dotnet sharpfuzz "$work/instrumented/FlowCut.Models.dll" FlowCut.Models.Checkpoints

# no terminal interface, no demands on the machine's settings, no check for a native instrumented binary
export AFL_NO_UI=1 AFL_NO_COLOR=1 AFL_SKIP_CPUFREQ=1 AFL_NO_AFFINITY=1 AFL_SKIP_BIN_CHECK=1 AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES=1

if [ $# -eq 0 ]; then
  mapfile -t targets < <(dotnet "$work/plain/FlowCut.Fuzz.dll" list)
  set -- "${targets[@]}"
fi

failed=0
for target in "$@"; do
  dotnet "$work/plain/FlowCut.Fuzz.dll" seeds "$target" "$work/seeds/$target"
  dotnet "$work/plain/FlowCut.Fuzz.dll" run "$target" "$work/seeds/$target"/*
  mkdir -p "$work/out"
  # 10 s for one input: every input takes microseconds, a loaded machine may pause the process
  if ! afl-fuzz -V "$seconds" -i "$work/seeds/$target" -o "$work/out/$target" -x "tests/FlowCut.Fuzz/dictionaries/$target.dict" -t 10000 -m none \
    -- "$(command -v dotnet)" "$work/instrumented/FlowCut.Fuzz.dll" fuzz "$target" > "$work/$target.log" 2>&1; then
    echo "fuzz: $target: afl-fuzz failed" >&2
    tail -n 30 "$work/$target.log" >&2
    exit 1
  fi

  stats="$work/out/$target/default/fuzzer_stats"
  value() { sed -n "s/^$1 *: *//p" "$stats"; }
  echo "fuzz: $target: $(value execs_done) executions in $(value run_time) s, $(value edges_found) branches reached, $(value corpus_count) inputs kept, $(value saved_crashes) crashes, $(value saved_hangs) hangs"
  for input in "$work/out/$target/default"/crashes/id* "$work/out/$target/default"/hangs/id*; do
    [ -e "$input" ] || continue
    failed=1
    mkdir -p "$findings/$target"
    copy="$findings/$target/$(sha256sum "$input" | cut -c1-16)"
    cp "$input" "$copy"
    echo "fuzz: finding: $copy" >&2
    timeout 20 dotnet "$work/plain/FlowCut.Fuzz.dll" run "$target" "$copy" 2>&1 | head -n 8 >&2 || true
    echo "fuzz: reproduce with: dotnet run --project tests/FlowCut.Fuzz -- run $target '$copy'" >&2
  done
done
exit "$failed"

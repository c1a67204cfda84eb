#!/usr/bin/env bash
# The repository's commands; build.ps1 has the same ones. `./build.sh help` lists them.
# Exit status: 0 done, 1 a step failed, 2 wrong or not yet available command, 3 a tool is missing on this machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
export DOTNET_GENERATE_ASPNET_CERTIFICATE=false DOTNET_ADD_GLOBAL_TOOLS_TO_PATH=false

readonly solution=FlowCut.Kernels.sln
readonly missing_tool=3

say() { printf '%s\n' "$*" >&2; }

usage() {
  cat <<'END'
usage: ./build.sh COMMAND [ARGUMENTS]
  demo      build, and ask a small FlowCut-pruned LLaVA about a picture
  test      build, and run all tests                     (arguments go to dotnet test)
  simulator build the CUDA simulator in artifacts/simulator/, and run its own tests
  bench     run the benchmarks                           (arguments go to the benchmark program)
  publish   the self-contained flowcut command in artifacts/flowcut/ (arguments go to dotnet publish)
  format    format the sources                           (--verify-no-changes only checks)
  gpu-test  the tests, on a machine with a GPU           (arguments go to dotnet test)
  gpu-kit   pack what a GPU machine without .NET runs in artifacts/gpu-kit.tar.gz
  pack      not yet available
END
}

# Installs packages with apt where that is possible without asking for a password behind the user's back.
install_packages() {
  command -v apt-get >/dev/null || return 1
  local as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || return 1
    as_root=(sudo)
    [ -t 0 ] || as_root=(sudo -n)
  fi
  say "installing $* ..."
  local install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@")
  # bash before 4.4 takes an empty array for an unset one
  ${as_root[@]+"${as_root[@]}"} "${install[@]}" >&2 2>/dev/null && return
  ${as_root[@]+"${as_root[@]}"} apt-get update >&2 && ${as_root[@]+"${as_root[@]}"} "${install[@]}" >&2
}

# global.json names the SDK; the command fails if no installed one will do
has_sdk() { command -v dotnet >/dev/null && dotnet --version >/dev/null 2>&1; }

need_sdk() {
  has_sdk && return
  if [ -x "$HOME/.dotnet/dotnet" ]; then
    export DOTNET_ROOT="$HOME/.dotnet" PATH="$HOME/.dotnet:$PATH"
    has_sdk && return
  fi
  install_packages dotnet-sdk-10.0 && has_sdk && return
  say "The .NET SDK 10 is needed: install the package dotnet-sdk-10.0, or see https://dotnet.microsoft.com/download/dotnet/10.0"
  exit "$missing_tool"
}

demo() {
  need_sdk
  mkdir -p artifacts/demo
  dotnet run -c Release --project src/FlowCut.Cli -- generate --model samples/demo-model/model \
    --image samples/demo-model/heldout/064.jpg --prompt 'Describe the picture.' --keep 64 --max-tokens 48 \
    --show --overlay artifacts/demo/kept.png
  printf '\nThe 64 of 256 patches that were kept: artifacts/demo/kept.png\nMore questions: dotnet run -c Release --project src/FlowCut.Cli -- chat --model samples/demo-model/model --image FILE --keep 64\n'
}

has_cxx() { command -v cmake >/dev/null && { command -v g++ >/dev/null || command -v c++ >/dev/null; }; }

need_cxx() {
  has_cxx && return
  if install_packages g++ make cmake && has_cxx; then return; fi
  say "The simulator of CUDA devices needs g++ (or another C++20 compiler) and CMake 3.25: install the packages g++, make and cmake"
  exit "$missing_tool"
}

# the kernels' tests run on it; it compiles them with this machine's C++ compiler
build_simulator() {
  need_cxx
  cmake -S interop/simulator -B artifacts/simulator
  cmake --build artifacts/simulator --parallel
}

test_simulator() {
  build_simulator
  ctest --test-dir artifacts/simulator --output-on-failure
}

run_tests() {
  need_sdk
  test_simulator
  dotnet build "$solution" -c Release
  # the simulator has just been built: tests on it must not be skipped
  export FLOWCUT_REQUIRE_SIMULATOR=1
  dotnet test --solution "$solution" -c Release --no-build "$@"
}

bench() {
  need_sdk
  dotnet run -c Release --project bench/FlowCut.Bench -- "$@"
}

publish() {
  need_sdk
  # a self-contained command is for one system and architecture: this one, unless the arguments name another
  dotnet publish src/FlowCut.Cli -c Release --use-current-runtime -o artifacts/flowcut "$@"
  say "published: artifacts/flowcut/flowcut"
}

gpu_test() {
  need_sdk
  dotnet build "$solution" -c Release
  export FLOWCUT_REQUIRE_GPU=1
  dotnet test --solution "$solution" -c Release --no-build "$@"
}

# what a machine with a GPU and without .NET needs; bench/gpu-kit/run.sh there does the rest
gpu_kit() {
  need_sdk
  local kit=artifacts/gpu-kit limit=$((24 * 1000 * 1000)) size
  rm -rf "$kit" "$kit.tar.gz"
  mkdir -p "$kit/bin" "$kit/goldens/traces" "$kit/peers"
  dotnet publish bench/FlowCut.DeviceRunner -c Release --use-current-runtime -o "$kit/bin"
  dotnet publish src/FlowCut.Cli -c Release --use-current-runtime -o "$kit/bin" \
    -p:PublishAot=true -p:PublishSingleFile=false -p:PublishReadyToRun=false
  # symbols and the simulator stay here: FLOWCUT_SIMULATOR names the latter where it is wanted
  find "$kit/bin" \( -name '*.dbg' -o -name '*.pdb' -o -name '*.xml' -o -name libflowcut-sim.so \) -delete
  cp -r samples/llava-1.5-tiny tests/goldens/llava-1.5-mini-renamed "$kit/goldens/"
  cp tests/goldens/flow-unit.json tests/goldens/flow-unit.safetensors "$kit/goldens/"
  cp -r tests/goldens/traces/llava-1.5-tiny tests/goldens/traces/llava-1.5-mini-renamed "$kit/goldens/traces/"
  cp bench/gpu-kit/run.sh "$kit/"
  if compgen -G 'bench/peers/gpu/*.py' >/dev/null; then cp bench/peers/gpu/*.py "$kit/peers/"; fi
  git describe --always --dirty --abbrev=40 >"$kit/commit"
  tar -C artifacts -czf "$kit.tar.gz" gpu-kit
  size=$(wc -c <"$kit.tar.gz")
  say "packed: $kit.tar.gz, $size bytes"
  if [ "$size" -gt "$limit" ]; then say "the kit is larger than $limit bytes"; exit 1; fi
}

format() {
  need_sdk
  dotnet format "$solution" "$@"
}

command=${1:-}
[ $# -eq 0 ] || shift
case "$command" in
  demo) demo ;;
  test) run_tests "$@" ;;
  simulator) test_simulator ;;
  bench) bench "$@" ;;
  publish) publish "$@" ;;
  format) format "$@" ;;
  gpu-test) gpu_test "$@" ;;
  gpu-kit) gpu_kit ;;
  pack) say "not yet: there are no packages so far"; exit 2 ;;
  help | -h | --help) usage ;;
  *) usage >&2; exit 2 ;;
esac

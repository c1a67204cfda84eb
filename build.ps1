#!/usr/bin/env pwsh
# The repository's commands; build.sh has the same ones. `./build.ps1 help` lists them.
# Exit status: 0 done, 1 a step failed, 2 wrong or not yet available command, 3 a tool is missing on this machine.
[CmdletBinding(PositionalBinding = $false)]
param(
    [Parameter(Position = 0)] [string] $Command = '',
    [Parameter(Position = 1, ValueFromRemainingArguments = $true)] [string[]] $Rest = @()
)

Set-StrictMode -Version 2
$ErrorActionPreference = 'Stop'
$Solution = 'FlowCut.Kernels.sln'
$MissingTool = 3

# Windows PowerShell 5.1 knows no $IsWindows
$onWindows = $PSVersionTable.PSEdition -ne 'Core' -or $IsWindows
if (-not $onWindows) {
    & bash (Join-Path $PSScriptRoot 'build.sh') $Command @Rest
    exit $LASTEXITCODE
}

$env:DOTNET_CLI_TELEMETRY_OPTOUT = '1'
$env:DOTNET_NOLOGO = '1'
$env:DOTNET_GENERATE_ASPNET_CERTIFICATE = 'false'
$env:DOTNET_ADD_GLOBAL_TOOLS_TO_PATH = 'false'

function Show-Usage {
    @'
usage: ./build.ps1 COMMAND [ARGUMENTS]
  demo      build, and ask a small FlowCut-pruned LLaVA about a picture
  test      build, and run all tests                     (arguments go to dotnet test)
  simulator not on Windows: tests that need a CUDA device run on a real one or are skipped
  bench     run the benchmarks                           (arguments go to the benchmark program)
  publish   the self-contained flowcut command in artifacts/flowcut/ (arguments go to dotnet publish)
  format    format the sources                           (--verify-no-changes only checks)
  gpu-test  the tests, on a machine with a GPU           (arguments go to dotnet test)
  gpu-kit   not on Windows: the kit is for Linux machines
  pack      not yet available
'@
}

function Write-Problem([string] $Text) { [Console]::Error.WriteLine($Text) }

function Invoke-Dotnet {
    & dotnet @args
    if ($LASTEXITCODE -ne 0) { exit 1 }
}

function Assert-Sdk {
    # global.json names the SDK; the command fails if no installed one will do
    if (Get-Command dotnet -ErrorAction SilentlyContinue) {
        & dotnet --version *> $null
        if ($LASTEXITCODE -eq 0) { return }
    }
    Write-Problem 'The .NET SDK 10 is needed: winget install Microsoft.DotNet.SDK.10, or see https://dotnet.microsoft.com/download/dotnet/10.0'
    exit $MissingTool
}

function Invoke-Demo {
    Assert-Sdk
    New-Item -ItemType Directory -Force artifacts/demo | Out-Null
    Invoke-Dotnet run -c Release --project src/FlowCut.Cli '--' generate --model samples/demo-model/model `
        --image samples/demo-model/heldout/064.jpg --prompt 'Describe the picture.' --keep 64 --max-tokens 48 `
        --show --overlay artifacts/demo/kept.png
    "`nThe 64 of 256 patches that were kept: artifacts/demo/kept.png"
    'More questions: dotnet run -c Release --project src/FlowCut.Cli -- chat --model samples/demo-model/model --image FILE --keep 64'
}

Push-Location $PSScriptRoot
try {
    switch ($Command) {
        'demo' { Invoke-Demo }
        'test' {
            Assert-Sdk
            Invoke-Dotnet build $Solution -c Release
            Invoke-Dotnet test --solution $Solution -c Release --no-build @Rest
        }
        'simulator' { Write-Problem 'the simulator of CUDA devices is for Linux: use WSL, or a real device'; exit $MissingTool }
        'bench' {
            Assert-Sdk
            Invoke-Dotnet run -c Release --project bench/FlowCut.Bench '--' @Rest
        }
        'publish' {
            Assert-Sdk
            # a self-contained command is for one system and architecture: this one, unless the arguments name another
            Invoke-Dotnet publish src/FlowCut.Cli -c Release --use-current-runtime -o artifacts/flowcut @Rest
            'published: artifacts/flowcut/flowcut.exe'
        }
        'format' {
            Assert-Sdk
            Invoke-Dotnet format $Solution @Rest
        }
        'gpu-test' {
            Assert-Sdk
            Invoke-Dotnet build $Solution -c Release
            $env:FLOWCUT_REQUIRE_GPU = '1'
            Invoke-Dotnet test --solution $Solution -c Release --no-build @Rest
        }
        'gpu-kit' { Write-Problem 'the kit is for Linux machines: pack it there, or under WSL'; exit $MissingTool }
        'pack' { Write-Problem 'not yet: there are no packages so far'; exit 2 }
        { $_ -in 'help', '-h', '--help' } { Show-Usage }
        default { Write-Problem ((Show-Usage) -join "`n"); exit 2 }
    }
}
finally {
    Pop-Location
}

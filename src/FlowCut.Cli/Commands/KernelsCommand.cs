using System.CommandLine;
using System.Diagnostics;
using FlowCut.Interop;
using FlowCut.Kernels;
using FlowCut.Models;

namespace FlowCut.Cli.Commands;

/// <summary>flowcut kernels: compiles every kernel variant, without a GPU, and tells what each needs.</summary>
internal sealed class KernelsCommand
{
    private readonly Option<string> _architectures = new("--arch")
    {
        Description = $"Architectures, joined by commas: {string.Join(", ", KernelReport.Architectures)}.",
        HelpName = "ARCH,...",
        DefaultValueFactory = _ => "sm_90a",
    };

    private readonly Option<bool> _json = new("--json") { Description = "Print one JSON object." };

    public static Command Create()
    {
        var arguments = new KernelsCommand();
        var command = new Command("kernels", "Compile every kernel variant with NVRTC (no GPU needed): registers, spills, shared memory, compile time.")
        {
            arguments._architectures, arguments._json,
        };
        command.SetAction((parsed, cancellation) => Task.FromResult(arguments.Run(parsed, cancellation)));
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancellation)
    {
        var architectures = OptionList.Parse("--arch", parsed.GetValue(_architectures)!).Distinct().ToArray();
        foreach (var architecture in architectures)
        {
            if (!KernelReport.Architectures.Contains(architecture))
                throw new InputException($"--arch {architecture} is not supported; architectures are {string.Join(", ", KernelReport.Architectures)}");
        }

        var nvrtc = NativeCuda.System.Nvrtc;
        var watch = Stopwatch.StartNew();
        var rows = KernelReport.Compile(NativeCuda.System, architectures, cancellation);
        var report = new KernelTable(rows, nvrtc.Version(), watch.Elapsed.TotalMilliseconds);
        Console.WriteLine(parsed.GetValue(_json) ? report.ToJson() : report.ToText());
        return ExitStatus.Done;
    }
}

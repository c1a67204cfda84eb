using FlowCut.Models.Backends.Cpu;
using FlowCut.Models.Benchmarking;
using FlowCut.Models.Pruning;
using FlowCut.Peers.OnnxRuntime;

namespace FlowCut.Bench;

/// <summary>A part of a model with random weights as a process that speaks the protocol of bench/peers/run.py.</summary>
internal static class ServeCommand
{
    public static int Run(string[] arguments)
    {
        var part = arguments is ["clip" or "prefill", ..] ? arguments[0] : throw new ArgumentException("serve clip [--keep N] or serve prefill [--tokens N] [--layers N]");
        var options = Options.Parse(arguments.AsSpan(1), part == "clip" ? ["keep"] : ["tokens", "layers"]);
        using var backend = new CpuBackend();
        var layers = options.Integer("layers", 2);
        using var model = ModelBenchmark.Synthetic(part == "clip" ? "clip-l-336" : "llava-1.5-7b", part == "clip" ? null : layers, backend);
        // random weights have an entropy ratio near 1 and would drop nothing before the last event
        var keep = options.Integer("keep", model.Vision.Patches);
        var strategy = keep < model.Vision.Patches ? new FlowCutStrategy(new FlowCutOptions { Keep = keep, Schedule = PruningSchedule.Profile }) : null;
        var tokens = options.Integer("tokens", 616);
        var clock = new PeerClock(part == "clip" ? () => model.RunVision(strategy, default) : () => model.RunPrefill(tokens, layers, default));
        clock.WarmUp();
        clock.Serve(Console.In, Console.Out);
        Dictionary<string, string> facts = new() { ["peer"] = "flowcut", ["part"] = string.Join(' ', arguments), ["weights"] = "f16" };
        Console.WriteLine(clock.Report(facts, backend.Workers));
        return 0;
    }
}

using System.Runtime.InteropServices;
using FlowCut.Peers.OnnxRuntime;
using Microsoft.ML.OnnxRuntime;

PeerOptions options;
try
{
    options = PeerOptions.Parse(args);
}
catch (ArgumentException e)
{
    Console.Error.WriteLine(e.Message);
    Console.Error.WriteLine(PeerOptions.Usage);
    return 2;
}

if (options.Weights is { } given && ClipWeights.Fault(given, options.Shape) is { } fault)
{
    Console.Error.WriteLine(fault);
    return 2;
}
using ClipSession session = Load(options);
if (options.Input is null)
{
    Measure(session, options);
    return 0;
}
using (FileStream pixels = File.OpenRead(options.Input))
    pixels.ReadExactly(MemoryMarshal.AsBytes(session.Pixels.AsSpan()));
session.Forward();
File.WriteAllBytes(options.Output!, MemoryMarshal.AsBytes(session.Features.AsSpan()));
return 0;

static ClipSession Load(PeerOptions options)
{
    if (options.Weights is not null)
        return new ClipSession(options.Shape, options.Graph, options.Weights, options.Threads);
    string folder = Directory.CreateTempSubdirectory("clip-peer-").FullName;
    try
    {
        string weights = Path.Combine(folder, "weights.bin");
        ClipWeights.WriteRandom(weights, options.Shape, seed: 0);
        return new ClipSession(options.Shape, options.Graph, weights, options.Threads);
    }
    finally
    {
        // on Linux, where the peers run, a deleted file stays mapped; so not even a killed peer leaves 1.2 GB behind
        Directory.Delete(folder, recursive: true);
    }
}

static void Measure(ClipSession session, PeerOptions options)
{
    var random = new Random(1);
    foreach (ref float value in session.Pixels.AsSpan())
        value = 4 * random.NextSingle() - 2;
    var clock = new PeerClock(session.Forward);
    clock.WarmUp();
    if (options.Serve)
        clock.Serve(Console.In, Console.Out);
    for (int i = 0; i < options.Rounds; i++)
        clock.Run();
    Dictionary<string, string> facts = new()
    {
        ["peer"] = "onnxruntime",
        ["shape"] = options.Shape.Name,
        ["graph"] = options.Graph.ToString(),
        ["version"] = OrtEnv.Instance().GetVersionString(),
    };
    Console.WriteLine(clock.Report(facts, options.Threads));
}

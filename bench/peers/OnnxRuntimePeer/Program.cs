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

// only a file of our own is deleted again, at the end: the session keeps it mapped
string? ownFolder = options.Weights is null ? Directory.CreateTempSubdirectory("clip-peer-").FullName : null;
try
{
    string weights = options.Weights ?? Path.Combine(ownFolder!, "weights.bin");
    if (ownFolder is not null)
        ClipWeights.WriteRandom(weights, options.Shape, seed: 0);
    using var session = new ClipSession(options.Shape, options.Graph, weights, options.Threads);
    if (options.Input is not null)
    {
        using FileStream pixels = File.OpenRead(options.Input);
        pixels.ReadExactly(MemoryMarshal.AsBytes(session.Pixels.AsSpan()));
        session.Forward();
        File.WriteAllBytes(options.Output!, MemoryMarshal.AsBytes(session.Features.AsSpan()));
        return 0;
    }
    Measure(session, options);
    return 0;
}
finally
{
    if (ownFolder is not null)
        Directory.Delete(ownFolder, recursive: true);
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

using System.Globalization;

namespace FlowCut.Peers.OnnxRuntime;

/// <summary>What the command line asks for.</summary>
internal sealed record PeerOptions
{
    public const string Usage =
        """
        OnnxRuntimePeer [--shape clip-l-336|clip-tiny] [--graph fused|exported] [--threads N] [--weights FILE] MODE
          --rounds N                  times N forwards after two of warm-up; prints one JSON object
          --serve                     the peer protocol: prints "ready"; a line "run" gives the milliseconds of one forward,
                                      "quit" the JSON object and the end
          --input FILE --output FILE  one forward of raw fp32 pixels; writes the raw fp32 features
        --weights: raw fp32 (ClipWeights.cs says in which order); random weights without it.
        """;

    public ClipShape Shape { get; private set; } = ClipShape.Named("clip-l-336");

    public GraphStyle Graph { get; private set; } = GraphStyle.Fused;

    public int Threads { get; private set; } = Environment.ProcessorCount;

    public string? Weights { get; private set; }

    public int Rounds { get; private set; }

    public bool Serve { get; private set; }

    public string? Input { get; private set; }

    public string? Output { get; private set; }

    /// <exception cref="ArgumentException">An unknown option, a missing or wrong value, or not exactly one mode.</exception>
    public static PeerOptions Parse(string[] args)
    {
        var options = new PeerOptions();
        for (int i = 0; i < args.Length; i++)
        {
            string name = args[i];
            if (name == "--serve")
            {
                options.Serve = true;
                continue;
            }
            if (++i == args.Length)
                throw new ArgumentException($"'{name}' has no value, or is unknown");
            options.Set(name, args[i]);
        }
        if ((options.Input is null) != (options.Output is null))
            throw new ArgumentException("--input and --output go together");
        int modes = (options.Rounds > 0 ? 1 : 0) + (options.Serve ? 1 : 0) + (options.Input is not null ? 1 : 0);
        return modes == 1 ? options : throw new ArgumentException("one of --rounds, --serve and --input is needed");
    }

    private void Set(string name, string value)
    {
        switch (name)
        {
            case "--shape": Shape = ClipShape.Named(value); break;
            case "--graph": Graph = Style(value); break;
            case "--threads": Threads = Count(name, value); break;
            case "--weights": Weights = Path.GetFullPath(value); break;
            case "--rounds": Rounds = Count(name, value); break;
            case "--input": Input = value; break;
            case "--output": Output = value; break;
            default: throw new ArgumentException($"option '{name}' is unknown");
        }
    }

    private static GraphStyle Style(string value) => value switch
    {
        "fused" => GraphStyle.Fused,
        "exported" => GraphStyle.Exported,
        _ => throw new ArgumentException($"--graph takes fused or exported, not '{value}'"),
    };

    private static int Count(string name, string value) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count > 0
            ? count
            : throw new ArgumentException($"{name} takes a positive number, not '{value}'");
}

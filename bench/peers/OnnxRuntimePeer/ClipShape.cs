namespace FlowCut.Peers.OnnxRuntime;

/// <summary>The sizes of a CLIP vision tower, and how many of its layers are run.</summary>
internal sealed record ClipShape(string Name, int Image, int Patch, int Hidden, int Intermediate, int Heads, int Layers)
{
    private static readonly ClipShape[] Known =
    [
        // LLaVA-1.5's tower: layer 23 of 0..23 is never read, hence 23 of 24.
        new("clip-l-336", Image: 336, Patch: 14, Hidden: 1024, Intermediate: 4096, Heads: 16, Layers: 23),
        new("clip-tiny", Image: 42, Patch: 14, Hidden: 64, Intermediate: 160, Heads: 4, Layers: 3),
    ];

    public int Grid => Image / Patch;

    public int Patches => Grid * Grid;

    public int HeadSize => Hidden / Heads;

    public int Tokens => Patches + 1;

    public static ClipShape Named(string name) =>
        Array.Find(Known, s => s.Name == name)
        ?? throw new ArgumentException($"shape '{name}' is unknown: {string.Join(", ", Known.Select(s => s.Name))}", nameof(name));
}

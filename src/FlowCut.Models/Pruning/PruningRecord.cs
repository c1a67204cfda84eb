namespace FlowCut.Models.Pruning;

/// <summary>What pruning saw and did to one picture.</summary>
public sealed class PruningRecord(int patches)
{
    /// <summary>Patches before the first layer.</summary>
    public int Patches { get; } = patches;

    /// <summary>Every layer that was scored, in order.</summary>
    public List<LayerRecord> Layers { get; } = [];

    /// <summary>Patch numbers in raster order that left the encoder, ascending; all of them where nothing was pruned.</summary>
    public int[] Kept { get; set; } = Enumerable.Range(0, patches).ToArray();
}

/// <summary>One scored layer of one picture. Score rows have an entry per patch alive on entry of the layer.</summary>
public sealed class LayerRecord
{
    public required int Layer { get; init; }

    /// <summary>Patches alive on entry.</summary>
    public required int Alive { get; init; }

    /// <summary>h of spec/flowcut.md, section 3.</summary>
    public double EntropyRatio { get; set; }

    /// <summary>Patch numbers kept by this layer, ascending; null where it dropped nothing.</summary>
    public int[]? Kept { get; set; }

    /// <summary>Recorded on request only, like the rows below: head means, not normalised.</summary>
    public float[]? Attention { get; set; }

    public float[]? Semantic { get; set; }

    public float[]? Density { get; set; }

    /// <summary>I, this layer's fused score.</summary>
    public float[]? Score { get; set; }

    /// <summary>S, the running score that decides.</summary>
    public float[]? Cumulative { get; set; }
}

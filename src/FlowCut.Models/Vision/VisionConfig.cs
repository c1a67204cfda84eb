using FlowCut.Models.Backends;

namespace FlowCut.Models.Vision;

/// <summary>Shape of a vision transformer: pre-norm layers of attention and a two-layer MLP, with the variations of the families.</summary>
public sealed record VisionConfig
{
    /// <summary>CLIP, SigLIP, InternViT or Qwen2-VL.</summary>
    public required string Architecture { get; init; }

    public required int HiddenSize { get; init; }

    public required int IntermediateSize { get; init; }

    /// <summary>Layers stored; the runtime runs only those that are read.</summary>
    public required int Layers { get; init; }

    public required int Heads { get; init; }

    /// <summary>Pixels per side of the square input; 0 where pictures have sizes of their own, in patches that the preprocessing cut.</summary>
    public required int ImageSize { get; init; }

    public required int PatchSize { get; init; }

    /// <summary>Of every norm.</summary>
    public required float LayerNormEpsilon { get; init; }

    /// <summary>Between the two layers of an MLP.</summary>
    public required Activation Activation { get; init; }

    /// <summary>A CLS token stands in front of the patches.</summary>
    public bool HasClass { get; init; }

    /// <summary>Positions are learned and added to the patches; else rows and columns turn query and key.</summary>
    public bool LearnedPositions { get; init; } = true;

    /// <summary>A LayerNorm stands in front of the first layer.</summary>
    public bool PreNorm { get; init; }

    /// <summary>Patches are embedded with a bias.</summary>
    public bool PatchBias { get; init; }

    /// <summary>Query, key and value have biases.</summary>
    public bool QueryKeyValueBias { get; init; } = true;

    /// <summary>Query and key are normalised over all heads (InternViT-6B).</summary>
    public bool QueryKeyNorm { get; init; }

    /// <summary>Norms are RMS norms without a bias (InternViT-6B).</summary>
    public bool RmsNorm { get; init; }

    /// <summary>What a layer adds is scaled channel by channel.</summary>
    public bool LayerScale { get; init; }

    /// <summary>Patches that the connector joins to one token: 1, or 4 for 2×2. They are neighbours in the encoder's order.</summary>
    public int GroupSize { get; init; } = 1;

    /// <summary>Frames of a patch.</summary>
    public int Frames { get; init; } = 1;

    /// <summary>Whether the last layer that is run may prune too, as in Qwen2-VL.</summary>
    public bool LastLayerPrunes { get; init; }

    public int HeadSize => HiddenSize / Heads;

    public int PatchesPerSide => ImageSize / PatchSize;

    /// <summary>Patches of the square input; 0 where pictures have sizes of their own.</summary>
    public int Patches => PatchesPerSide * PatchesPerSide;

    /// <summary>Numbers of a patch.</summary>
    public int PatchInputs => 3 * Frames * PatchSize * PatchSize;

    /// <summary>Rows in front of a picture's patches.</summary>
    internal int ClassRows => HasClass ? 1 : 0;

    /// <summary>The frequencies of a half of the pairs of a head begin at 1 and fall towards 1/theta.</summary>
    internal const float RopeTheta = 10000;

    /// <summary>CLIP-L/14-336, the tower of LLaVA-1.5.</summary>
    public static VisionConfig Large336 { get; } = new()
    {
        Architecture = "CLIP",
        HiddenSize = 1024,
        IntermediateSize = 4096,
        Layers = 24,
        Heads = 16,
        ImageSize = 336,
        PatchSize = 14,
        LayerNormEpsilon = 1e-5f,
        Activation = Activation.QuickGelu,
        HasClass = true,
        PreNorm = true,
    };

    /// <summary>Weights as stored, layers that are not run included; CLIP's and SigLIP's norm behind the last layer too.</summary>
    internal long Parameters
    {
        get
        {
            long d = HiddenSize, norm = RmsNorm ? d : 2 * d;
            var layer = 4 * d * d + d + (QueryKeyValueBias ? 3 * d : 0) + (QueryKeyNorm ? 2 * d : 0)
                + 2 * d * IntermediateSize + IntermediateSize + d + 2 * norm + (LayerScale ? 2 * d : 0);
            var embedding = d * PatchInputs + (PatchBias ? d : 0) + (HasClass ? d : 0) + (LearnedPositions ? (Patches + ClassRows) * d : 0);
            var outer = (PreNorm ? norm : 0) + (Architecture is "CLIP" or "SigLIP" ? norm : 0);
            return embedding + outer + Layers * layer;
        }
    }

    /// <summary>The patch at each place of the encoder's order; null where that is raster order.</summary>
    internal int[]? GroupOrder()
    {
        if (GroupSize == 1 || ImageSize == 0) return null;
        var side = PatchesPerSide;
        var order = new int[Patches];
        for (var place = 0; place < order.Length; place++)
        {
            var (group, within) = Math.DivRem(place, 4);
            var (row, column) = Math.DivRem(group, side / 2);
            order[place] = (2 * row + within / 2) * side + 2 * column + within % 2;
        }

        return order;
    }
}

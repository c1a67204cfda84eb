namespace FlowCut.Models.Families;

/// <summary>What a checkpoint is and what it costs, without loading it into a backend.</summary>
public sealed class ModelFacts
{
    private ModelFacts(ModelDescription description, long parameters, long weightBytes, MemoryNeeds needs)
    {
        Needs = needs;
        Description = description;
        Parameters = parameters;
        WeightBytes = weightBytes;
    }

    public ModelDescription Description { get; }

    /// <summary>Stored weights, those of layers that are never run included.</summary>
    public long Parameters { get; }

    public long WeightBytes { get; }

    /// <summary>What it takes on a device.</summary>
    public MemoryNeeds Needs { get; }

    /// <exception cref="InputException">The folder is no model, or one of an unknown kind.</exception>
    public static ModelFacts Read(string folder, string? visionTower = null)
    {
        var layout = ModelFamilies.ReadLayout(folder, visionTower);
        using var checkpoint = layout.Checkpoint;
        var parameters = layout.Parameters;
        return new ModelFacts(layout.Description, parameters, checkpoint.TotalBytes, new MemoryNeeds(layout.Description, parameters, layout.WeightType));
    }

    /// <summary>Visual-token counts worth comparing: all, and the published budgets below.</summary>
    public IEnumerable<int> Budgets() =>
        new[] { Description.PictureTokens, 192, 128, 64, 32, 16 }.Where(n => n <= Description.PictureTokens).Distinct();

    /// <summary>Bytes of the KV cache for so many tokens, in f32.</summary>
    public long CacheBytes(int tokens) =>
        2L * tokens * Description.Language.Layers * Description.Language.KeyValueHeads * Description.Language.HeadSize * sizeof(float);

    /// <summary>Multiplications and additions of reading a prompt of so many tokens: the linear layers and causal attention.</summary>
    public double PrefillFlops(int tokens)
    {
        var l = Description.Language;
        double attention = l.Heads * l.HeadSize, keyValue = l.KeyValueHeads * l.HeadSize;
        var linear = l.HiddenSize * (2 * attention + 2 * keyValue) + 3.0 * l.HiddenSize * l.IntermediateSize;
        return l.Layers * (2.0 * tokens * linear + 2.0 * tokens * tokens * attention) + 2.0 * l.VocabularySize * l.HiddenSize;
    }
}

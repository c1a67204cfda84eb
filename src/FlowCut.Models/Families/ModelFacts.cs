using FlowCut.Models.Checkpoints;
using FlowCut.Models.Pruning;

namespace FlowCut.Models.Families;

/// <summary>What a checkpoint is and what it costs, without loading it into a backend.</summary>
public sealed class ModelFacts
{
    private ModelFacts(ModelDescription description, long parameters, long? weightBytes, MemoryNeeds needs)
    {
        Needs = needs;
        Description = description;
        Parameters = parameters;
        WeightBytes = weightBytes;
    }

    public ModelDescription Description { get; }

    /// <summary>Stored weights, those of layers that are never run included.</summary>
    public long Parameters { get; }

    /// <summary>On disk; null where the folder has a configuration alone.</summary>
    public long? WeightBytes { get; }

    /// <summary>What it takes on a device.</summary>
    public MemoryNeeds Needs { get; }

    /// <summary>Reads a model folder; of the weights only what they are. A folder that has none is read by its configuration.</summary>
    /// <exception cref="InputException">The folder is no model, or one of an unknown kind.</exception>
    public static ModelFacts Read(string folder, string? visionTower = null)
    {
        var family = ModelFamilies.Read(folder, visionTower);
        if (!CheckpointFolder.HasWeights(folder))
            return new ModelFacts(family.Description, family.Parameters, null, new MemoryNeeds(family.Description, family.Parameters, family.ConfiguredType));
        using var checkpoint = family.OpenCheckpoint();
        var parameters = checkpoint.Names.Sum(name => checkpoint.Get(name).ElementCount);
        var needs = new MemoryNeeds(family.Description, parameters, checkpoint.Get(family.LanguageNames.Embedding).Type);
        return new ModelFacts(family.Description, parameters, checkpoint.TotalBytes, needs);
    }

    /// <summary>What of the published model this library does not do, and why.</summary>
    public IEnumerable<(string What, string Why)> NotSupported()
    {
        var l = Description.Language;
        if (l.PublishedContext > l.ContextLength)
            yield return ("all context", $"{l.PublishedContext} positions are published; beyond {l.ContextLength} a sliding window begins, which is not supported");
        if (Description.Form == PictureForm.Native) yield return ("video", "frames are not read; give pictures");
        if (Description.Form == PictureForm.Tiles) yield return ("several pictures and video", "a prompt has one picture");
    }

    /// <summary>What is worth comparing: no pruning, and the published budgets below it; of each tile where tiles are pruned by themselves.</summary>
    /// <param name="textTokens">Of prompt and answer.</param>
    public IEnumerable<BudgetCost> Costs(int textTokens)
    {
        var whole = Description.Form == PictureForm.Tiles ? Description.PictureTokens / Description.PictureCrops : Description.PictureTokens;
        return new int?[] { null, 192, 128, 64, 32, 16 }.Where(n => n is null || n < whole).Select(n => new BudgetCost(Description, Needs, n, textTokens));
    }
}

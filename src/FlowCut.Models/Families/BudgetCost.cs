using FlowCut.Models.Checkpoints;
using FlowCut.Models.Language;
using FlowCut.Models.Pruning;

namespace FlowCut.Models.Families;

/// <summary>What an answer about one picture, the largest that the model cuts it into, costs at a budget under FlowCut (spec/flowcut.md, sections 5 and 6).</summary>
public sealed record BudgetCost
{
    /// <summary>The last layer that sees what left the encoder, where the language model prunes too.</summary>
    private const int StageLayer = 1;

    private readonly LanguageConfig _language;
    private readonly int _text;

    /// <param name="model">Sizes.</param>
    /// <param name="needs">Its memory.</param>
    /// <param name="keep">The budget; null: nothing is pruned.</param>
    /// <param name="textTokens">Of prompt and answer.</param>
    internal BudgetCost(ModelDescription model, MemoryNeeds needs, int? keep, int textTokens)
    {
        (_language, _text, Keep) = (model.Language, textTokens, keep);
        var all = model.PictureTokens;
        Entered = keep is not { } target ? all : model.Form switch
        {
            PictureForm.AnyRes => Math.Min(model.PictureCrops * Math.Max(1, target / 2), all),
            PictureForm.Tiles => target * model.PictureCrops,
            PictureForm.Native => Math.Min(2 * target, all),
            _ => target,
        };
        HasStage = keep is not null && model.Form is PictureForm.AnyRes or PictureForm.Native && model.Language.Layers > StageLayer + 1;
        Kept = HasStage ? Math.Min(keep!.Value, Entered) : Entered;
        Bytes = needs.Total(needs.HalfType, Entered, textTokens);
    }

    /// <summary>Null: nothing is pruned.</summary>
    public int? Keep { get; }

    /// <summary>Visual tokens that enter the language model, at most.</summary>
    public int Entered { get; }

    /// <summary>Visual tokens that are left behind its last pruning step.</summary>
    public int Kept { get; }

    /// <summary>Estimated memory of everything on a device in 16 bits.</summary>
    public long Bytes { get; }

    /// <summary>Whether the language model prunes once more.</summary>
    private bool HasStage { get; }

    /// <summary>Bytes of the KV cache.</summary>
    /// <param name="type">Of its numbers.</param>
    public long CacheBytes(StoredType type) =>
        2L * _language.KeyValueHeads * _language.HeadSize * (type == StoredType.Float32 ? 4 : 2) * Layers().Sum(part => (long)part.Layers * part.Tokens);

    /// <summary>Multiplications and additions of reading the prompt: the linear layers and causal attention.</summary>
    public double PrefillFlops()
    {
        double attention = _language.Heads * _language.HeadSize, keyValue = _language.KeyValueHeads * _language.HeadSize;
        var linear = _language.HiddenSize * (2 * attention + 2 * keyValue) + 3.0 * _language.HiddenSize * _language.IntermediateSize;
        return Layers().Sum(part => part.Layers * (2.0 * part.Tokens * linear + 2.0 * part.Tokens * part.Tokens * attention)) + 2.0 * _language.VocabularySize * _language.HiddenSize;
    }

    /// <summary>Layers, and the tokens that each of them has.</summary>
    private (int Layers, int Tokens)[] Layers() => HasStage
        ? [(StageLayer + 1, Entered + _text), (_language.Layers - StageLayer - 1, Kept + _text)]
        : [(_language.Layers, Entered + _text)];
}

using FlowCut.Models.Checkpoints;
using FlowCut.Models.Imaging;
using FlowCut.Models.Language;
using FlowCut.Models.Pruning;
using FlowCut.Models.Tokenization;
using FlowCut.Models.Tracing;
using FlowCut.Models.Vision;

namespace FlowCut.Models.Families;

/// <summary>
/// A kind of vision-language model, read from its config.json: shapes and names of its parts, how pictures are cut, how prompts are
/// written, and what becomes of the encoder's rows. Holds no weights. One class per family; <see cref="ModelFamilies"/> finds it by
/// model_type.
/// </summary>
internal abstract class ModelFamily
{
    private readonly Lazy<Tokenizer> _tokenizer;

    protected ModelFamily(string folder, JsonSection config)
    {
        (Folder, Config) = (folder, config);
        _tokenizer = new Lazy<Tokenizer>(LoadTokenizer);
    }

    public abstract ModelDescription Description { get; }

    public abstract VisionTensorNames VisionNames { get; }

    public abstract LanguageTensorNames LanguageNames { get; }

    public abstract ConnectorConfig Connector { get; }

    /// <summary>Tensor of what stands behind a row of patches; null: nothing.</summary>
    public virtual string? NewlineName => null;

    /// <summary>Pictures that a prompt may have.</summary>
    public virtual int MaxPictures => 1;

    /// <summary>Stored weights by the configuration, those of layers that are never run included.</summary>
    public long Parameters =>
        Description.Vision.Parameters + Connector.Parameters + Description.Language.Parameters + (NewlineName is null ? 0 : Description.Language.HiddenSize);

    /// <summary>What the configuration says that the weights are stored as; float16 where it says nothing.</summary>
    public StoredType ConfiguredType
    {
        get
        {
            var key = Config.Has("torch_dtype") ? "torch_dtype" : "dtype";
            var name = Config.Has(key) ? Config.String(key) : "float16";
            return name switch { "bfloat16" => StoredType.BFloat16, "float32" => StoredType.Float32, _ => StoredType.Float16 };
        }
    }

    /// <exception cref="InputException">There is none, it is damaged, lacks a token that the family needs, or does not fit the model.</exception>
    public Tokenizer Tokenizer => _tokenizer.Value;

    /// <summary>Tokens that end an answer.</summary>
    /// <exception cref="InputException">Nothing says which.</exception>
    public abstract IReadOnlyList<int> EndTokens { get; }

    protected string Folder { get; }

    protected JsonSection Config { get; }

    /// <summary>Reads all small files, so that what is wrong with them shows before the large ones are opened.</summary>
    /// <exception cref="InputException">One is missing, damaged, or does not fit the others.</exception>
    public abstract void CheckFiles();

    /// <summary>Opens the weights under the names that the parts ask for.</summary>
    public abstract Checkpoint OpenCheckpoint();

    /// <summary>What a budget is a part of: visual tokens of a picture of this size, or of one of its tiles where each is pruned by itself.</summary>
    /// <exception cref="InputException">The picture does not suit the model, or an option is for another family.</exception>
    public abstract int BudgetTokens(RgbImage picture, PictureOptions options);

    /// <summary>Cuts, resizes and normalises a picture.</summary>
    /// <exception cref="InputException">The picture does not suit the model, or an option is for another family.</exception>
    public abstract PreprocessedPicture Prepare(RgbImage picture, PictureOptions options);

    /// <summary>Encodes pictures, pruned by <paramref name="strategy"/>; the caller disposes the results.</summary>
    public abstract EncodedPicture[] Encode(ModelParts parts, IReadOnlyList<PreprocessedPicture> pictures, IPruningStrategy? strategy, Trace? trace, CancellationToken cancellation);

    /// <summary>A dialogue in the model's prompt format, with <see cref="PictureMarker"/> where pictures go, ready for <see cref="Tokenize"/>.</summary>
    public abstract string ApplyTemplate(IReadOnlyList<ChatTurn> turns, string? system, int pictures);

    /// <summary>Text with picture markers to ids, the token that the model wants in front included.</summary>
    public abstract PromptTokens Tokenize(string prompt);

    /// <summary>The prompt as a trace has it.</summary>
    public virtual int[] TraceIds(PromptTokens prompt, IReadOnlyList<EncodedPicture> pictures) => prompt.Ids;

    /// <summary>Stands for a picture in text, in every family.</summary>
    public const string PictureMarker = "<image>";

    /// <summary>Refuses options that mean nothing to this family.</summary>
    protected void Refuse(bool given, string option)
    {
        if (given) throw new InputException($"{option} means nothing to {Description.ModelType}");
    }

    /// <exception cref="ModelFormatException">The tokenizer has no such token.</exception>
    protected int RequireToken(string token) => Tokenizer.RequireId(token);

    /// <summary>From generation_config.json where it says, else from a section of the configuration, else the tokenizer's.</summary>
    protected IReadOnlyList<int> ReadEndTokens(JsonSection section)
    {
        var file = Path.Combine(Folder, "generation_config.json");
        if (File.Exists(file) && JsonSection.Read(file) is var generation && generation.Has("eos_token_id")) return generation.Ints("eos_token_id");
        if (section.Has("eos_token_id")) return section.Ints("eos_token_id");
        return Tokenizer.EosId is { } eos ? [eos] : throw section.Error("neither the configuration nor the tokenizer says which token ends an answer ('eos_token_id')");
    }

    /// <summary>hidden_states[selected] is the output of so many layers; hidden_states[0] is the embedding.</summary>
    protected static int LayersRun(VisionConfig vision, int selected, JsonSection config)
    {
        var run = selected < 0 ? vision.Layers + 1 + selected : selected;
        return run >= 1 && run <= vision.Layers
            ? run
            : throw config.Error($"the vision feature layer {selected} is not one of the tower's {vision.Layers} layers");
    }

    private Tokenizer LoadTokenizer()
    {
        var tokenizer = Tokenizer.Load(Folder);
        var rows = Description.Language.VocabularySize;
        return tokenizer.MaxId < rows
            ? tokenizer
            : throw Config.Error($"'vocab_size' is {rows}, but the tokenizer has ids up to {tokenizer.MaxId}");
    }
}

/// <summary>A user's turn and the answer to it; null in the last turn, whose answer is to be written.</summary>
public sealed record ChatTurn(string User, string? Assistant = null);

/// <summary>What a checkpoint is.</summary>
public sealed record ModelDescription
{
    /// <summary>As in config.json.</summary>
    public required string ModelType { get; init; }

    /// <summary>As people call it: LLaVA-1.5.</summary>
    public required string Family { get; init; }

    /// <summary>"Hugging Face" or "original".</summary>
    public required string Layout { get; init; }

    public required VisionConfig Vision { get; init; }

    /// <summary>Encoder layers that are run.</summary>
    public required int VisionLayersRun { get; init; }

    public required LanguageConfig Language { get; init; }

    /// <summary>How it takes pictures.</summary>
    public required PictureForm Form { get; init; }

    /// <summary>Visual tokens of a picture without pruning; the most, where they depend on its size.</summary>
    public required int PictureTokens { get; init; }

    /// <summary>Crops or tiles of a picture; the most.</summary>
    public int PictureCrops { get; init; } = 1;
}

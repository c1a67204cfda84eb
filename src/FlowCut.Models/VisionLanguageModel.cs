using FlowCut.Interop;
using FlowCut.Kernels;
using FlowCut.Models.Backends;
using FlowCut.Models.Backends.Cpu;
using FlowCut.Models.Backends.Cuda;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Families;
using FlowCut.Models.Generation;
using FlowCut.Models.Imaging;
using FlowCut.Models.Pruning;
using FlowCut.Models.Tokenization;
using FlowCut.Models.Tracing;

namespace FlowCut.Models;

/// <summary>
/// A vision-language model with visual-token pruning. <see cref="GenerateAsync(string, RgbImage, GenerationOptions?)"/>
/// answers a question about a picture; <see cref="Encode"/> and <see cref="Prefill"/> are its steps, for people who
/// embed them. Not safe for concurrent use: the steps of several answers take turns.
/// </summary>
public sealed class VisionLanguageModel : IDisposable
{
    private readonly ModelFamily _family;
    private readonly Checkpoint _checkpoint;
    private readonly ModelParts _parts;
    private readonly MemoryNeeds _needs;
    private readonly bool _ownsBackend;
    private bool _disposed;

    private VisionLanguageModel(ModelFamily family, Checkpoint checkpoint, ModelParts parts, MemoryNeeds needs, bool ownsBackend)
    {
        (_family, _checkpoint, _parts, _needs, _ownsBackend) = (family, checkpoint, parts, needs, ownsBackend);
        EndTokens = family.EndTokens;
    }

    public Backend Backend => _parts.Backend;

    /// <summary>Family, sizes, context length.</summary>
    public ModelDescription Description => _family.Description;

    public Tokenizer Tokenizer => _family.Tokenizer;

    /// <summary>Tokens that end an answer.</summary>
    public IReadOnlyList<int> EndTokens { get; }

    /// <summary>Bytes of weights, mapped and not copied.</summary>
    public long WeightBytes => _checkpoint.TotalBytes;

    /// <summary>Pictures that a prompt may have.</summary>
    public int MaxPictures => _family.MaxPictures;

    /// <summary>Opens a model folder: Hugging Face's layout or the authors' own. Weights are mapped, not read.</summary>
    /// <exception cref="InputException">A file is missing, damaged or of an unknown kind; the message says which and why.</exception>
    /// <exception cref="ModelOutOfMemoryException">The device has no room for the weights; the message says what would fit.</exception>
    public static VisionLanguageModel Load(string folder, LoadOptions? options = null)
    {
        options ??= new LoadOptions();
        if (options is { Backend: not null, CreateBackend: not null })
            throw new ArgumentException("A backend and a way to make one are too much: give either.", nameof(options));
        var family = ModelFamilies.Read(folder, options.VisionTower);
        family.CheckFiles();
        var checkpoint = family.OpenCheckpoint();
        Backend? created = null;
        ModelParts? parts = null;
        try
        {
            var stored = checkpoint.Get(family.LanguageNames.Embedding).Type;
            var backend = options.Backend ?? (created = options.CreateBackend?.Invoke(stored) ?? new CpuBackend());
            var needs = new MemoryNeeds(family.Description, ParametersOf(checkpoint), stored);
            parts = Fitting(needs, backend, family.Description.PictureTokens, ModelOutOfMemoryException.UsualTokens, () => ModelParts.Load(family, family.Description.Language, checkpoint, backend, options));
            if (options.PrepareKernels) PrepareKernels(parts, options.Progress);
            options.Progress?.Report(new LoadProgress("ready", 1));
            return new VisionLanguageModel(family, checkpoint, parts, needs, ownsBackend: created is not null);
        }
        catch
        {
            parts?.Dispose();
            checkpoint.Dispose();
            created?.Dispose();
            throw;
        }
    }

    /// <summary>Answers <paramref name="prompt"/> about a picture. Work starts with the enumeration.</summary>
    public Answer GenerateAsync(string prompt, RgbImage picture, GenerationOptions? options = null) =>
        GenerateAsync([new ChatTurn(prompt)], [picture], options);

    /// <summary>Answers the last turn of a dialogue about pictures. Work starts with the enumeration.</summary>
    /// <param name="turns">Earlier turns with their answers, then the open one. With <see cref="GenerationOptions.RawPrompt"/>: one, the whole text.</param>
    /// <param name="pictures">In the order of the prompt; may be empty.</param>
    /// <param name="options">Null: greedy, unpruned.</param>
    /// <exception cref="InputException">Prompt, pictures and options do not fit each other or the model.</exception>
    public Answer GenerateAsync(IReadOnlyList<ChatTurn> turns, IReadOnlyList<RgbImage> pictures, GenerationOptions? options)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentNullException.ThrowIfNull(turns);
        ArgumentNullException.ThrowIfNull(pictures);
        options ??= new GenerationOptions();
        options.Validate();
        if (options is { Pruning: { } pruning, RawPrompt: false } && turns.Count > 0) options = options with { Pruning = pruning.About(turns[^1].User) };
        return new Answer(this, Tokenize(turns, pictures.Count, options), pictures, options);
    }

    /// <summary>A prompt as token ids, in the model's template unless <see cref="GenerationOptions.RawPrompt"/> is set.</summary>
    /// <exception cref="InputException">The prompt is empty, or its picture markers do not match the pictures.</exception>
    public PromptTokens Tokenize(IReadOnlyList<ChatTurn> turns, int pictures, GenerationOptions options)
    {
        ArgumentNullException.ThrowIfNull(turns);
        ArgumentNullException.ThrowIfNull(options);
        if (turns.Count == 0 || string.IsNullOrWhiteSpace(turns[^1].User)) throw new InputException("the prompt is empty");
        if (pictures > MaxPictures) throw new InputException($"{Description.ModelType} takes one picture, {pictures} were given");
        var prompt = _family.Tokenize(options.RawPrompt ? turns[^1].User : _family.ApplyTemplate(turns, options.System, pictures));
        if (prompt.Pictures != pictures)
            throw new InputException($"the prompt has {prompt.Pictures} picture markers (<image>), but {pictures} pictures were given");
        return prompt;
    }

    /// <summary>What a budget is a part of: visual tokens of a picture of this size, or of one of its tiles where each is pruned by itself (InternVL2).</summary>
    /// <exception cref="InputException">The picture does not suit the model, or an option is for another family.</exception>
    public int BudgetTokens(RgbImage picture, PictureOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(picture);
        return _family.BudgetTokens(picture, options ?? new PictureOptions());
    }

    /// <summary>Cuts, resizes and normalises a picture for the vision encoder.</summary>
    /// <exception cref="InputException">The picture does not suit the model, or an option is for another family.</exception>
    public PreprocessedPicture Prepare(RgbImage picture, PictureOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(picture);
        return _family.Prepare(picture, options ?? new PictureOptions());
    }

    /// <summary>Runs the vision encoder and the connector over pictures; the caller disposes the results.</summary>
    /// <param name="pictures">From <see cref="Prepare"/>.</param>
    /// <param name="pruning">Null keeps all visual tokens.</param>
    /// <param name="trace">Receives what the run saw.</param>
    /// <param name="cancellation">Checked between layers.</param>
    /// <exception cref="InputException">The strategy does not fit the encoder (its budget, its schedule).</exception>
    /// <exception cref="ComputationException">A score is not a number.</exception>
    /// <exception cref="ModelOutOfMemoryException">The device has no room for it; the message says what would fit.</exception>
    public EncodedPicture[] Encode(IReadOnlyList<PreprocessedPicture> pictures, IPruningStrategy? pruning = null, Trace? trace = null, CancellationToken cancellation = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentNullException.ThrowIfNull(pictures);
        foreach (var picture in pictures)
        {
            if (pruning is { PrunesEncoder: true } && pruning.Keep > picture.BudgetTokens)
                throw new InputException($"cannot keep {pruning.Keep} of {picture.BudgetTokens} visual tokens{(picture.BudgetTokens == picture.Tokens ? "" : " of a tile")}: the budget is 1 to {picture.BudgetTokens}");
        }

        var kept = pruning is { PrunesEncoder: true } ? pruning.Keep : pictures.Sum(p => p.Tokens);
        return Fitting(_needs, Backend, kept, ModelOutOfMemoryException.UsualTokens, () => _family.Encode(_parts, pictures, pruning, trace, cancellation));
    }

    /// <summary>Reads a prompt into a new session, which then holds the logits of the first new token.</summary>
    /// <param name="prompt">From <see cref="Tokenize"/>.</param>
    /// <param name="pictures">One per picture marker; their <see cref="EncodedPicture.Language"/> is filled.</param>
    /// <param name="maxTokens">Room for so many more tokens is reserved, as far as the context goes.</param>
    /// <param name="pruning">What it does in the language model, and where it leaves the visual tokens; null: nothing, and without gaps.</param>
    /// <param name="trace">Receives what the decoder saw.</param>
    /// <param name="cancellation">Checked between layers.</param>
    /// <exception cref="InputException">The prompt is longer than the model's context, or the strategy does not fit the language model.</exception>
    /// <exception cref="ComputationException">A score is not a number.</exception>
    /// <exception cref="ModelOutOfMemoryException">The device has no room for it; the message says what would fit.</exception>
    public DecodingSession Prefill(
        PromptTokens prompt, IReadOnlyList<EncodedPicture> pictures, int maxTokens,
        IPruningStrategy? pruning = null, Trace? trace = null, CancellationToken cancellation = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentNullException.ThrowIfNull(prompt);
        ArgumentNullException.ThrowIfNull(pictures);
        if (prompt.Pictures != pictures.Count) throw new InputException($"the prompt has {prompt.Pictures} pictures, {pictures.Count} were given");
        var length = DecodingSession.PrefillLength(prompt, pictures);
        var context = Description.Language.ContextLength;
        if (length > context)
            throw new InputException($"the prompt has {length} tokens with its pictures, the model's context {context}; shorten the prompt or keep fewer visual tokens");
        var reach = ReachOf(prompt, pictures, PolicyOf(pruning));
        if (reach > context)
            throw new InputException($"with the positions that tokens have without pruning the prompt reaches {reach}, the model's context is {context}; shorten the prompt or let positions be compact");
        var more = (int)Math.Min(context - Math.Max(length, reach), (long)maxTokens);
        var visual = pictures.Sum(p => p.Tokens.Rows);
        trace?.Add("prompt.ids", _family.TraceIds(prompt, pictures));
        foreach (var picture in pictures) picture.Language.Clear();
        return Fitting(_needs, Backend, visual, length + more - visual, () => Read(prompt, pictures, length, more, pruning, trace, cancellation));
    }

    /// <summary>Unmaps the weights. Sessions and answers of the model end with it; let none compute meanwhile.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _parts.Dispose();
        _checkpoint.Dispose();
        if (_ownsBackend) Backend.Dispose();
    }

    private DecodingSession Read(
        PromptTokens prompt, IReadOnlyList<EncodedPicture> pictures, int length, int more, IPruningStrategy? pruning, Trace? trace, CancellationToken cancellation)
    {
        var language = Description.Language;
        using var stage = pruning?.BeginDecoder(new DecoderStage
        {
            Backend = Backend,
            Layers = language.Layers,
            Heads = language.Heads,
            KeyValueHeads = language.KeyValueHeads,
            HeadSize = language.HeadSize,
            RopeTheta = language.RotarySections is null ? language.RopeTheta : null,
            Form = Description.Form,
            Rows = length,
            Pictures = DecodingSession.VisualRows(prompt, pictures),
            Trace = trace?.Scope("language."),
        });
        var session = new DecodingSession(Backend, _parts.Decoder, length, more, stage?.Events ?? []);
        try
        {
            session.Prefill(prompt, pictures, PolicyOf(pruning), stage, trace, cancellation);
            stage?.Finish();
            if (stage is not null) trace?.AddLanguage(pictures, Description);
            return session;
        }
        catch
        {
            session.Dispose();
            throw;
        }
    }

    /// <summary>Positions on three axes have no gaps to close.</summary>
    private PositionPolicy PolicyOf(IPruningStrategy? pruning) =>
        Description.Language.RotarySections is null ? pruning?.Positions ?? PositionPolicy.Compact : PositionPolicy.Original;

    /// <summary>The position behind the prompt, where that is not the number of its rows.</summary>
    private int ReachOf(PromptTokens prompt, IReadOnlyList<EncodedPicture> pictures, PositionPolicy policy) =>
        Description.Language.RotarySections is null && policy == PositionPolicy.Original
            ? prompt.Ids.Length - pictures.Count + pictures.Sum(p => p.Unpruned)
            : 0;

    private static long ParametersOf(Checkpoint checkpoint) => checkpoint.Names.Sum(name => checkpoint.Get(name).ElementCount);

    private static void PrepareKernels(ModelParts parts, IProgress<LoadProgress>? progress)
    {
        progress?.Report(new LoadProgress("kernels", 1));
        try
        {
            parts.Backend.Prepare(parts.Rehearse);
        }
        catch (Exception e) when (e is DeviceOutOfMemoryException or CudaException { Result: CudaResult.OutOfMemory })
        {
            // no room for an unpruned picture need not hinder a pruned one; kernels are then made ready at their first use
        }
    }

    /// <summary>Does what may not fit the device, and says what would.</summary>
    private static T Fitting<T>(MemoryNeeds needs, Backend backend, int visualTokens, int otherTokens, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (DeviceOutOfMemoryException e)
        {
            throw ModelOutOfMemoryException.Of(e, needs, (backend as CudaBackend)?.BytesInUse ?? 0, backend.ActivationType, visualTokens, otherTokens);
        }
    }
}

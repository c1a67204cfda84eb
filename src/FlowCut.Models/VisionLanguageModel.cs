using FlowCut.Interop;
using FlowCut.Kernels;
using FlowCut.Models.Backends;
using FlowCut.Models.Backends.Cpu;
using FlowCut.Models.Backends.Cuda;
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
    private readonly MemoryNeeds _needs;
    private readonly bool _ownsBackend;
    private bool _disposed;

    private VisionLanguageModel(ModelFamily family, MemoryNeeds needs, Backend backend, bool ownsBackend)
    {
        _family = family;
        _needs = needs;
        Backend = backend;
        _ownsBackend = ownsBackend;
    }

    public Backend Backend { get; }

    /// <summary>Family, sizes, context length.</summary>
    public ModelDescription Description => _family.Description;

    public Tokenizer Tokenizer => _family.Tokenizer;

    /// <summary>Tokens that end an answer.</summary>
    public IReadOnlyList<int> EndTokens => _family.EndTokens;

    /// <summary>Bytes of weights, mapped and not copied.</summary>
    public long WeightBytes => _family.WeightBytes;

    /// <summary>Opens a model folder: Hugging Face's layout or the authors' own. Weights are mapped, not read.</summary>
    /// <exception cref="InputException">A file is missing, damaged or of an unknown kind; the message says which and why.</exception>
    /// <exception cref="ModelOutOfMemoryException">The device has no room for the weights; the message says what would fit.</exception>
    public static VisionLanguageModel Load(string folder, LoadOptions? options = null)
    {
        options ??= new LoadOptions();
        if (options is { Backend: not null, CreateBackend: not null })
            throw new ArgumentException("A backend and a way to make one are too much: give either.", nameof(options));
        var layout = ModelFamilies.ReadLayout(folder, options.VisionTower);
        Backend? created = null;
        try
        {
            var backend = options.Backend ?? (created = options.CreateBackend?.Invoke(layout.WeightType) ?? new CpuBackend());
            var needs = new MemoryNeeds(layout.Description, layout.Parameters, layout.WeightType);
            var family = Fitting(needs, backend, layout.Description.PictureTokens, ModelOutOfMemoryException.UsualTokens, () => ModelFamilies.Load(layout, options, backend));
            if (options.PrepareKernels) PrepareKernels(family, backend, options.Progress);
            options.Progress?.Report(new LoadProgress("ready", 1));
            return new VisionLanguageModel(family, needs, backend, ownsBackend: created is not null);
        }
        catch
        {
            layout.Checkpoint.Dispose();
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
        return new Answer(this, Tokenize(turns, pictures.Count, options), pictures, options);
    }

    /// <summary>A prompt as token ids, in the model's template unless <see cref="GenerationOptions.RawPrompt"/> is set.</summary>
    /// <exception cref="InputException">The prompt is empty, or its picture markers do not match the pictures.</exception>
    public PromptTokens Tokenize(IReadOnlyList<ChatTurn> turns, int pictures, GenerationOptions options)
    {
        ArgumentNullException.ThrowIfNull(turns);
        ArgumentNullException.ThrowIfNull(options);
        if (turns.Count == 0 || string.IsNullOrWhiteSpace(turns[^1].User)) throw new InputException("the prompt is empty");
        if (pictures > 1) throw new InputException($"{Description.ModelType} takes one picture, {pictures} were given");
        var prompt = _family.Tokenize(options.RawPrompt ? turns[^1].User : _family.ApplyTemplate(turns, options.System, pictures));
        if (prompt.Pictures != pictures)
            throw new InputException($"the prompt has {prompt.Pictures} picture markers (<image>), but {pictures} pictures were given");
        return prompt;
    }

    /// <summary>Resizes and normalises a picture for the vision encoder.</summary>
    public PreprocessedPicture Prepare(RgbImage picture, PreprocessMode mode = PreprocessMode.Original)
    {
        ArgumentNullException.ThrowIfNull(picture);
        return _family.Prepare(picture, mode);
    }

    /// <summary>Runs the vision encoder and the projector over pictures as one batch; the caller disposes the results.</summary>
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
        var kept = pruning?.Keep ?? Description.PictureTokens;
        return Fitting(_needs, Backend, kept, ModelOutOfMemoryException.UsualTokens, () => _family.Encode(pictures, pruning, trace, cancellation));
    }

    /// <summary>Reads a prompt into a new session, which then holds the logits of the first new token.</summary>
    /// <param name="prompt">From <see cref="Tokenize"/>.</param>
    /// <param name="pictures">One per picture marker.</param>
    /// <param name="maxTokens">Room for so many more tokens is reserved, as far as the context goes.</param>
    /// <param name="positions">Of the visual tokens.</param>
    /// <param name="trace">Receives what the decoder saw.</param>
    /// <param name="cancellation">Checked between layers.</param>
    /// <exception cref="InputException">The prompt is longer than the model's context.</exception>
    /// <exception cref="ModelOutOfMemoryException">The device has no room for it; the message says what would fit.</exception>
    public DecodingSession Prefill(
        PromptTokens prompt, IReadOnlyList<EncodedPicture> pictures, int maxTokens,
        PositionPolicy positions = PositionPolicy.Compact, Trace? trace = null, CancellationToken cancellation = default)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentNullException.ThrowIfNull(prompt);
        ArgumentNullException.ThrowIfNull(pictures);
        var length = DecodingSession.PrefillLength(prompt, pictures);
        var context = Description.Language.ContextLength;
        if (length > context)
            throw new InputException($"the prompt has {length} tokens with its pictures, the model's context {context}; shorten the prompt or keep fewer visual tokens");
        var capacity = (int)Math.Min(context, (long)length + maxTokens);
        var visual = pictures.Sum(p => p.Tokens.Rows);
        return Fitting(_needs, Backend, visual, capacity - visual, () =>
        {
            var session = new DecodingSession(Backend, _family.Decoder, capacity);
            try
            {
                session.Prefill(prompt, pictures, positions, trace, cancellation);
                return session;
            }
            catch
            {
                session.Dispose();
                throw;
            }
        });
    }

    /// <summary>Unmaps the weights. Sessions and answers of the model end with it; let none compute meanwhile.</summary>
    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        _family.Dispose();
        if (_ownsBackend) Backend.Dispose();
    }

    private static void PrepareKernels(ModelFamily family, Backend backend, IProgress<LoadProgress>? progress)
    {
        progress?.Report(new LoadProgress("kernels", 1));
        try
        {
            backend.Prepare(family.Rehearse);
        }
        catch (Exception e) when (e is DeviceOutOfMemoryException or CudaException { Result: CudaResult.OutOfMemory })
        {
            // no room for an unpruned picture need not hinder a pruned one; kernels are then made ready at their first use
        }
        catch
        {
            family.Dispose();
            throw;
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

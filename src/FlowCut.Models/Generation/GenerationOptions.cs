using FlowCut.Models.Imaging;
using FlowCut.Models.Pruning;
using FlowCut.Models.Tracing;

namespace FlowCut.Models.Generation;

/// <summary>How an answer is made. The defaults are greedy decoding without pruning.</summary>
public sealed record GenerationOptions
{
    /// <summary>Drops visual tokens; null keeps all.</summary>
    public IPruningStrategy? Pruning { get; init; }

    /// <summary>How pictures are prepared.</summary>
    public PictureOptions Pictures { get; init; } = new();

    /// <summary>Tokens at most, at least 1.</summary>
    public int MaxTokens { get; init; } = 128;

    /// <summary>0: greedy. Above: logits are divided by it before sampling.</summary>
    public float Temperature { get; init; }

    /// <summary>Sample from the smallest set of tokens whose probabilities reach this sum, 0 &lt; p ≤ 1.</summary>
    public float TopP { get; init; } = 1;

    /// <summary>Sample from this many of the likeliest tokens; 0: from all.</summary>
    public int TopK { get; init; }

    /// <summary>Sampling with one seed gives one answer.</summary>
    public ulong Seed { get; init; }

    /// <summary>Go on after the token that ends an answer.</summary>
    public bool IgnoreEndTokens { get; init; }

    /// <summary>Text of the system turn; null: the model's own.</summary>
    public string? System { get; init; }

    /// <summary>The prompt is the whole text, picture markers included; no chat template is applied.</summary>
    public bool RawPrompt { get; init; }

    /// <summary>Receives every intermediate that the trace table names; costs downloads per layer.</summary>
    public Trace? Trace { get; init; }

    internal void Validate()
    {
        if (MaxTokens < 1) throw new InputException($"at least 1 token is generated, not {MaxTokens}");
        if (!(Temperature >= 0) || float.IsInfinity(Temperature)) throw new InputException($"the temperature is 0 or more, not {Temperature}");
        if (!(TopP is > 0 and <= 1)) throw new InputException($"top-p lies in (0, 1], not {TopP}");
        if (TopK < 0) throw new InputException($"top-k is 0 or more, not {TopK}");
    }
}

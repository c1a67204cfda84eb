using FlowCut.Models.Backends;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Vision;

namespace FlowCut.Models;

/// <summary>How a model is opened.</summary>
public sealed record LoadOptions
{
    /// <summary>Computes the model; null: a new CPU backend on all cores, which the model disposes. A given one stays the caller's.</summary>
    public Backend? Backend { get; init; }

    /// <summary>
    /// Makes the backend once it is known what the weights are stored as; the model disposes it. Not together with
    /// <see cref="Backend"/>.
    /// </summary>
    public Func<StoredType, Backend>? CreateBackend { get; init; }

    /// <summary>Folder of the CLIP tower for the authors' own layout; null: found from the configuration.</summary>
    public string? VisionTower { get; init; }

    /// <summary>How the vision encoder's layers reach a device; the CPU backend does them one by one.</summary>
    public EncoderWork EncoderWork { get; init; }

    /// <summary>
    /// Make the kernels ready that answers about pictures need, on all cores, before the model is handed out. Without it each is
    /// made ready at its first use.
    /// </summary>
    public bool PrepareKernels { get; init; } = true;

    /// <summary>Told of each part that is loaded.</summary>
    public IProgress<LoadProgress>? Progress { get; init; }
}

/// <param name="Part">What is being loaded.</param>
/// <param name="Fraction">0 … 1 of the whole.</param>
public readonly record struct LoadProgress(string Part, double Fraction);

using FlowCut.Models.Backends;

namespace FlowCut.Models.Vision;

/// <summary>Activations of an encoder run over up to <see cref="Rows"/> tokens, kept between runs.</summary>
internal sealed class ClipWorkspace(Backend backend, ClipConfig config, int rows) : IDisposable
{
    public int Rows { get; } = rows;

    /// <summary>[pictures·3·side, side].</summary>
    public Tensor Pixels { get; } = backend.Allocate(rows / (config.Patches + 1) * 3 * config.ImageSize, config.ImageSize, Precision.Single);

    public Tensor Patches { get; } = backend.Allocate(config.Patches, 3 * config.PatchSize * config.PatchSize);

    public Tensor Hidden { get; private set; } = backend.Allocate(rows, config.HiddenSize, Precision.Single);

    /// <summary>Where a selection gathers to, before it takes <see cref="Hidden"/>'s place.</summary>
    public Tensor Spare { get; private set; } = backend.Allocate(rows, config.HiddenSize, Precision.Single);

    public Tensor Normed { get; } = backend.Allocate(rows, config.HiddenSize);

    public Tensor QueryKeyValue { get; } = backend.Allocate(rows, 3 * config.HiddenSize);

    public Tensor Intermediate { get; } = backend.Allocate(rows, config.IntermediateSize);

    public void SwapHidden() => (Hidden, Spare) = (Spare, Hidden);

    public void Dispose()
    {
        Pixels.Buffer.Dispose();
        Patches.Buffer.Dispose();
        Hidden.Buffer.Dispose();
        Spare.Buffer.Dispose();
        Normed.Buffer.Dispose();
        QueryKeyValue.Buffer.Dispose();
        Intermediate.Buffer.Dispose();
    }
}

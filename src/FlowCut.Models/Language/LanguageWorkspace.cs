using FlowCut.Models.Backends;

namespace FlowCut.Models.Language;

/// <summary>Activations of a decoder pass over up to <see cref="Rows"/> tokens, kept between passes.</summary>
internal sealed class LanguageWorkspace(Backend backend, LanguageConfig config, int rows) : IDisposable
{
    public static readonly Sequences OneRow = new(0, 1);

    public int Rows { get; } = rows;

    public Tensor Normed { get; } = backend.Allocate(rows, config.HiddenSize);

    public Tensor QueryKeyValue { get; } = backend.Allocate(rows, (config.Heads + 2 * config.KeyValueHeads) * config.HeadSize);

    public Tensor Context { get; } = backend.Allocate(rows, config.Heads * config.HeadSize);

    public Tensor GateUp { get; } = backend.Allocate(rows, 2 * config.IntermediateSize);

    public Tensor Gated { get; } = backend.Allocate(rows, config.IntermediateSize);

    public void Dispose()
    {
        Normed.Buffer.Dispose();
        QueryKeyValue.Buffer.Dispose();
        Context.Buffer.Dispose();
        GateUp.Buffer.Dispose();
        Gated.Buffer.Dispose();
    }
}

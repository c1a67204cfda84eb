using FlowCut.Models.Backends;

namespace FlowCut.Models.Tests.Parity;

/// <summary>What the runtime keeps in fp32 although its activations have 16 bits.</summary>
[Flags]
public enum Kept32
{
    None = 0,

    /// <summary>The sum that layers add to, in encoder and decoder, after each addition and after the encoder's first norm.</summary>
    Residual = 1,

    /// <summary>The layer's fused score and the running score.</summary>
    Scores = 2,

    /// <summary>What attention exports: log-probabilities and the statistics of the values.</summary>
    Exports = 4,

    Logits = 8,
}

/// <summary>Another backend, of 16-bit activations, with some of what it keeps in fp32 rounded to 16 bits as soon as it is written.</summary>
internal sealed class RoundingBackend(Backend inner, Kept32 rounded) : BackendDecorator(inner)
{
    public override void Linear(Tensor x, Matrix weight, Tensor? bias, Activation activation, Tensor? residual, Tensor y)
    {
        base.Linear(x, weight, bias, activation, residual, y);
        Round(residual is null ? Kept32.Logits : Kept32.Residual, y);
    }

    public override void LayerNorm(Tensor x, Tensor weight, Tensor bias, float epsilon, Tensor y)
    {
        base.LayerNorm(x, weight, bias, epsilon, y);
        Round(Kept32.Residual, y);
    }

    public override void Attention(in AttentionArguments arguments)
    {
        base.Attention(arguments);
        if (arguments.Export is not { } export) return;
        Round(Kept32.Exports, export.LogProbabilities);
        Round(Kept32.Exports, export.ValueProducts);
        Round(Kept32.Exports, export.ValueDensity);
        Round(Kept32.Exports, export.ValueSquaredNorms);
    }

    public override void FlowScore(in FlowScoreArguments arguments)
    {
        base.FlowScore(arguments);
        Round(Kept32.Scores, arguments.Scores);
        Round(Kept32.Scores, arguments.Cumulative);
    }

    /// <summary>There and back; what already has 16 bits stays as it is.</summary>
    private void Round(Kept32 what, Tensor tensor)
    {
        if (!rounded.HasFlag(what) || tensor.Buffer.ElementBytes != sizeof(float)) return;
        var narrow = Inner.Allocate(tensor.Rows, tensor.Columns);
        Inner.Copy(tensor, narrow);
        Inner.Copy(narrow, tensor);
        narrow.Buffer.Dispose();
    }
}

using FlowCut.Models.Backends;
using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Families;

/// <summary>LLaVA-1.5's connector: linear, exact GELU, linear (mlp2x_gelu).</summary>
internal sealed class LlavaProjector
{
    private readonly Backend _backend;
    private readonly Matrix _first, _second;
    private readonly Tensor _firstBias, _secondBias;

    /// <param name="backend">Owns the weights from here on.</param>
    /// <param name="checkpoint">Must outlive the projector.</param>
    /// <param name="first">Name of the first linear layer, without ".weight" and ".bias".</param>
    /// <param name="second">Of the second.</param>
    /// <param name="inputs">Width of the vision features.</param>
    /// <param name="outputs">Width of the language model.</param>
    public LlavaProjector(Backend backend, Checkpoint checkpoint, string first, string second, int inputs, int outputs)
    {
        _backend = backend;
        _first = backend.LoadMatrix(checkpoint.Get(first + ".weight", outputs, inputs));
        _firstBias = backend.LoadVector(checkpoint.Get(first + ".bias", outputs));
        _second = backend.LoadMatrix(checkpoint.Get(second + ".weight", outputs, outputs));
        _secondBias = backend.LoadVector(checkpoint.Get(second + ".bias", outputs));
    }

    /// <summary>features [n, inputs], a residual stream, to a new tensor [n, outputs], whose buffer the caller disposes.</summary>
    public Tensor Project(Tensor features)
    {
        var inputs = _backend.Allocate(features.Rows, features.Columns);
        var intermediate = _backend.Allocate(features.Rows, _first.Rows);
        var output = _backend.Allocate(features.Rows, _second.Rows);
        _backend.Copy(features, inputs);
        _backend.Linear(inputs, _first, _firstBias, Activation.Gelu, null, intermediate);
        _backend.Linear(intermediate, _second, _secondBias, Activation.None, null, output);
        inputs.Buffer.Dispose();
        intermediate.Buffer.Dispose();
        return output;
    }
}

using System.Globalization;
using FlowCut.Models.Backends;
using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Vision;

/// <summary>Weights of one encoder layer; query, key and value stand below each other, so that one GEMM makes all three.</summary>
internal sealed class VisionLayer
{
    /// <exception cref="ModelFormatException">A tensor is missing or has another shape.</exception>
    public VisionLayer(Backend backend, VisionConfig config, Checkpoint checkpoint, VisionTensorNames names, int index)
    {
        var prefix = string.Format(CultureInfo.InvariantCulture, names.Layer, index);
        int d = config.HiddenSize, inner = config.IntermediateSize;
        var parts = Array.ConvertAll(names.QueryKeyValue, name => prefix + name);
        // as many rows as parts leave to each
        var rows = 3 * d / parts.Length;
        Norm1 = new VisionNorm(backend, config, checkpoint, prefix + names.Norm1);
        Norm2 = new VisionNorm(backend, config, checkpoint, prefix + names.Norm2);
        QueryKeyValue = backend.LoadMatrix([.. parts.Select(part => checkpoint.Get(part + ".weight", rows, d))]);
        if (config.QueryKeyValueBias) QueryKeyValueBias = backend.LoadVector([.. parts.Select(part => checkpoint.Get(part + ".bias", rows))]);
        if (config.QueryKeyNorm)
        {
            QueryNorm = Vector(prefix + names.QueryKeyNorm[0], d);
            KeyNorm = Vector(prefix + names.QueryKeyNorm[1], d);
        }

        Output = Matrix(prefix + names.Output, d, d);
        OutputBias = Vector(prefix + names.Output + ".bias", d);
        Up = Matrix(prefix + names.Up, inner, d);
        UpBias = Vector(prefix + names.Up + ".bias", inner);
        Down = Matrix(prefix + names.Down, d, inner);
        DownBias = Vector(prefix + names.Down + ".bias", d);
        if (config.LayerScale)
        {
            AttentionScale = Vector(prefix + names.Scales[0], d);
            MlpScale = Vector(prefix + names.Scales[1], d);
        }

        Tensor Vector(string name, int length) => backend.LoadVector(checkpoint.Get(name, length));

        Matrix Matrix(string name, int outputs, int inputs) => backend.LoadMatrix(checkpoint.Get(name + ".weight", outputs, inputs));
    }

    public VisionNorm Norm1 { get; }

    public VisionNorm Norm2 { get; }

    public Matrix QueryKeyValue { get; }

    public Tensor? QueryKeyValueBias { get; }

    public Tensor? QueryNorm { get; }

    public Tensor? KeyNorm { get; }

    public Matrix Output { get; }

    public Tensor OutputBias { get; }

    public Matrix Up { get; }

    public Tensor UpBias { get; }

    public Matrix Down { get; }

    public Tensor DownBias { get; }

    public Tensor? AttentionScale { get; }

    public Tensor? MlpScale { get; }
}

/// <summary>A norm of the kind that the encoder has.</summary>
internal sealed class VisionNorm
{
    private readonly Backend _backend;
    private readonly Tensor _weight;
    private readonly Tensor? _bias;
    private readonly float _epsilon;

    /// <exception cref="ModelFormatException">A tensor is missing or has another shape.</exception>
    public VisionNorm(Backend backend, VisionConfig config, Checkpoint checkpoint, string name)
    {
        _backend = backend;
        _epsilon = config.LayerNormEpsilon;
        _weight = backend.LoadVector(checkpoint.Get(name + ".weight", config.HiddenSize));
        if (!config.RmsNorm) _bias = backend.LoadVector(checkpoint.Get(name + ".bias", config.HiddenSize));
    }

    /// <summary>y may be x.</summary>
    public void Run(Tensor x, Tensor y)
    {
        if (_bias is { } bias) _backend.LayerNorm(x, _weight, bias, _epsilon, y);
        else _backend.RmsNorm(x, _weight, _epsilon, y);
    }
}

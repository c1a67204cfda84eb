using FlowCut.Models.Backends;
using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Families;

/// <summary>What stands between encoder and language model: two linear layers with an exact GELU between them, in some families behind a norm, over single patches or joined ones.</summary>
internal sealed record ConnectorConfig
{
    /// <summary>Names of the two linear layers, without ".weight" and ".bias".</summary>
    public required string First { get; init; }

    public required string Second { get; init; }

    /// <summary>Width of the vision features.</summary>
    public required int Inputs { get; init; }

    /// <summary>Outputs of the first layer.</summary>
    public required int Hidden { get; init; }

    /// <summary>Width of the language model.</summary>
    public required int Outputs { get; init; }

    /// <summary>Patches that become one token.</summary>
    public int Group { get; init; } = 1;

    /// <summary>Name of the norm; null: none.</summary>
    public string? Norm { get; init; }

    public float NormEpsilon { get; init; }

    /// <summary>The norm is over a token's joined patches, and not over each patch.</summary>
    public bool NormsJoined { get; init; }

    public int NormWidth => NormsJoined ? Inputs * Group : Inputs;

    /// <summary>Weights as stored.</summary>
    public long Parameters =>
        (Norm is null ? 0 : 2L * NormWidth) + ((long)Inputs * Group + 1) * Hidden + (Hidden + 1L) * Outputs;
}

/// <summary>The weights of a <see cref="ConnectorConfig"/>.</summary>
internal sealed class Connector
{
    private readonly Backend _backend;
    private readonly ConnectorConfig _config;
    private readonly Matrix _first, _second;
    private readonly Tensor _firstBias, _secondBias;
    private readonly (Tensor Weight, Tensor Bias)? _norm;

    /// <param name="backend">Owns the weights from here on.</param>
    /// <param name="config">Names and shapes.</param>
    /// <param name="checkpoint">Must outlive the connector.</param>
    /// <exception cref="ModelFormatException">A tensor is missing or has another shape.</exception>
    public Connector(Backend backend, ConnectorConfig config, Checkpoint checkpoint)
    {
        _backend = backend;
        _config = config;
        if (config.Norm is { } norm)
            _norm = (backend.LoadVector(checkpoint.Get(norm + ".weight", config.NormWidth)), backend.LoadVector(checkpoint.Get(norm + ".bias", config.NormWidth)));
        _first = backend.LoadMatrix(checkpoint.Get(config.First + ".weight", config.Hidden, config.Inputs * config.Group));
        _firstBias = backend.LoadVector(checkpoint.Get(config.First + ".bias", config.Hidden));
        _second = backend.LoadMatrix(checkpoint.Get(config.Second + ".weight", config.Outputs, config.Hidden));
        _secondBias = backend.LoadVector(checkpoint.Get(config.Second + ".bias", config.Outputs));
    }

    /// <summary>Of the two linear layers.</summary>
    public double MultiplicationsPerToken => (double)_config.Inputs * _config.Group * _config.Hidden + (double)_config.Hidden * _config.Outputs;

    /// <summary>Vision features, residual streams [n, inputs] without gaps, one below the other, to <paramref name="output"/> [Σ n/group, outputs].</summary>
    public void Project(IReadOnlyList<Tensor> features, Tensor output)
    {
        var inputs = _backend.Allocate(output.Rows * _config.Group, _config.Inputs);
        var intermediate = _backend.Allocate(output.Rows, _config.Hidden);
        try
        {
            var row = 0;
            foreach (var part in features)
            {
                Normalise(part, inputs.SliceRows(row, part.Rows));
                row += part.Rows;
            }

            _backend.Linear(inputs.JoinRows(_config.Group), _first, _firstBias, Activation.Gelu, null, intermediate);
            _backend.Linear(intermediate, _second, _secondBias, Activation.None, null, output);
        }
        finally
        {
            inputs.Buffer.Dispose();
            intermediate.Buffer.Dispose();
        }
    }

    private void Normalise(Tensor features, Tensor inputs)
    {
        if (_norm is not { } norm) _backend.Copy(features, inputs);
        else if (_config.NormsJoined) _backend.LayerNorm(features.JoinRows(_config.Group), norm.Weight, norm.Bias, _config.NormEpsilon, inputs.JoinRows(_config.Group));
        else _backend.LayerNorm(features, norm.Weight, norm.Bias, _config.NormEpsilon, inputs);
    }
}

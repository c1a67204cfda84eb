using System.Globalization;
using FlowCut.Models.Backends;
using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Language;

/// <summary>Weights of one decoder layer. Query, key and value stand below each other, gate and up too, so that one GEMM serves them.</summary>
internal sealed class LanguageLayer
{
    /// <exception cref="ModelFormatException">A tensor is missing or has another shape.</exception>
    public LanguageLayer(Backend backend, LanguageConfig config, Checkpoint checkpoint, LanguageTensorNames names, int index)
    {
        var prefix = string.Format(CultureInfo.InvariantCulture, names.Layer, index);
        int d = config.HiddenSize, attention = config.Heads * config.HeadSize, keyValue = config.KeyValueHeads * config.HeadSize;
        InputNorm = backend.LoadVector(checkpoint.Get(prefix + names.InputNorm, d));
        PostAttentionNorm = backend.LoadVector(checkpoint.Get(prefix + names.PostAttentionNorm, d));
        var parts = names.QueryKeyValue;
        QueryKeyValue = parts.Length == 1
            ? backend.LoadMatrix(Ungrouped(checkpoint.Get(prefix + parts[0] + ".weight", attention + 2 * keyValue, d), config))
            : backend.LoadMatrix(
                checkpoint.Get(prefix + parts[0] + ".weight", attention, d),
                checkpoint.Get(prefix + parts[1] + ".weight", keyValue, d),
                checkpoint.Get(prefix + parts[2] + ".weight", keyValue, d));
        if (config.QueryKeyValueBias)
        {
            QueryKeyValueBias = backend.LoadVector(
                checkpoint.Get(prefix + parts[0] + ".bias", attention),
                checkpoint.Get(prefix + parts[1] + ".bias", keyValue),
                checkpoint.Get(prefix + parts[2] + ".bias", keyValue));
        }

        Output = backend.LoadMatrix(checkpoint.Get(prefix + names.Output, d, attention));
        GateUp = backend.LoadMatrix(checkpoint.Get(prefix + names.Gate, config.IntermediateSize, d), checkpoint.Get(prefix + names.Up, config.IntermediateSize, d));
        Down = backend.LoadMatrix(checkpoint.Get(prefix + names.Down, d, config.IntermediateSize));
    }

    public Tensor InputNorm { get; }

    public Matrix QueryKeyValue { get; }

    public Tensor? QueryKeyValueBias { get; }

    public Matrix Output { get; }

    public Tensor PostAttentionNorm { get; }

    public Matrix GateUp { get; }

    public Matrix Down { get; }

    /// <summary>Rows that are grouped by key/value head in the usual order: all queries, all keys, all values.</summary>
    private static StoredTensor[] Ungrouped(StoredTensor grouped, LanguageConfig config)
    {
        var queries = config.Heads / config.KeyValueHeads;
        return [.. Part(0, queries), .. Part(queries, 1), .. Part(queries + 1, 1)];

        IEnumerable<StoredTensor> Part(int first, int heads) => Enumerable.Range(0, config.KeyValueHeads)
            .Select(group => grouped.SliceRows((group * (queries + 2) + first) * config.HeadSize, heads * config.HeadSize));
    }
}

using FlowCut.Models.Backends;

namespace FlowCut.Bench.Kernels;

/// <summary>Attention of one CLIP-L layer: one sequence of CLS and patches, 16 heads of 64, with or without what FlowCut exports.</summary>
internal sealed class AttentionWork : IDisposable
{
    private const int Heads = 16, HeadSize = 64;

    private readonly Backend _backend;
    private readonly List<Tensor> _tensors = [];
    private readonly Tensor _query, _key, _value, _output;
    private readonly Sequences _sequences;

    public AttentionWork(Backend backend, int patches)
    {
        _backend = backend;
        var rows = patches + 1;
        _sequences = Sequences.Uniform(1, rows);
        _query = Random(rows, Heads * HeadSize);
        _key = Random(rows, Heads * HeadSize);
        _value = Random(rows, Heads * HeadSize);
        _output = Random(rows, Heads * HeadSize);
        Export = new AttentionExport
        {
            LogProbabilities = Random(Heads, rows),
            ValueProducts = Random(Heads, rows),
            ValueDensity = Random(1, rows),
            ValueSquaredNorms = Random(1, rows),
        };
    }

    public AttentionExport Export { get; }

    public void Run(bool export) => _backend.Attention(new AttentionArguments
    {
        Query = _query,
        Key = _key,
        Value = _value,
        Output = _output,
        Heads = Heads,
        KeyValueHeads = Heads,
        HeadSize = HeadSize,
        Scale = 1 / MathF.Sqrt(HeadSize),
        Queries = _sequences,
        Keys = _sequences,
        Export = export ? Export : null,
    });

    public void Dispose()
    {
        foreach (var tensor in _tensors) tensor.Buffer.Dispose();
    }

    private Tensor Random(int rows, int columns)
    {
        var tensor = _backend.Allocate(rows, columns);
        _backend.Upload(LinearWork.Values(rows * columns), tensor);
        _tensors.Add(tensor);
        return tensor;
    }
}

using BenchmarkDotNet.Attributes;
using FlowCut.Models.Backends;
using FlowCut.Models.Backends.Cpu;

namespace FlowCut.Bench;

/// <summary>What the methods beside FlowCut add to LLaVA-1.5-7B, to be seen against an unpruned prefill of the same machine (flowcut bench).</summary>
public class TokenSelectionBenchmarks : IDisposable
{
    private const int Tokens = 576, Features = 1024, Hidden = 4096, Keep = 192;

    private CpuBackend _backend = null!;
    private Tensor _features, _tokens, _squares, _merged, _relevance;
    private IndexBuffer _points = null!;
    private readonly RowMix _means = new();

    [GlobalSetup]
    public void Setup()
    {
        _backend = new CpuBackend();
        _features = Filled(Tokens, Features);
        _tokens = Filled(Tokens, Hidden);
        _squares = _backend.Allocate(Tokens, Tokens);
        _merged = _backend.Allocate(Keep, Hidden);
        _relevance = Filled(1, Tokens);
        _points = _backend.AllocateIndices(Keep);
        for (var i = 0; i < Keep; i++)
        {
            _means.AddMean([3 * i, 3 * i + 1, 3 * i + 2]);
            _means.EndRow();
        }
    }

    /// <summary>DivPrune.</summary>
    [Benchmark]
    public void FarthestPoints() => _backend.FarthestPoints(_tokens, Keep, _points, 0);

    /// <summary>CDPruner.</summary>
    [Benchmark]
    public void GreedyDeterminant() => _backend.GreedyDeterminant(_tokens, _relevance, Keep, _points, 0);

    /// <summary>VisPruner: all patches with all, more than it compares.</summary>
    [Benchmark]
    public void FeatureCosines() => _backend.Pairwise(PairMeasure.Cosine, _features, _features, _squares);

    /// <summary>VScan: the others with those that are kept.</summary>
    [Benchmark]
    public void TokenCosines() => _backend.Pairwise(
        PairMeasure.Cosine, _tokens.SliceRows(Keep, Tokens - Keep), _tokens.SliceRows(0, Keep), _squares.SliceRows(0, Tokens - Keep).SliceColumns(0, Keep));

    /// <summary>SparseVLM: the tokens of one layer that are recycled.</summary>
    [Benchmark]
    public void RecycledDistances() =>
        _backend.Pairwise(PairMeasure.SquaredDistance, _tokens.SliceRows(0, 154), _tokens.SliceRows(0, 154), _squares.SliceRows(0, 154).SliceColumns(0, 154));

    [Benchmark]
    public void Merge() => _backend.MixRows(_tokens, _means, _merged);

    [GlobalCleanup]
    public void Dispose()
    {
        GC.SuppressFinalize(this);
        foreach (var tensor in new[] { _features, _tokens, _squares, _merged, _relevance }) tensor.Buffer?.Dispose();
        _points?.Dispose();
        _backend?.Dispose();
    }

    private Tensor Filled(int rows, int columns)
    {
        var random = new Random(1);
        var values = new float[rows * columns];
        for (var i = 0; i < values.Length; i++) values[i] = random.NextSingle() - 0.5f;
        var tensor = _backend.Allocate(rows, columns);
        _backend.Upload(values, tensor);
        return tensor;
    }
}

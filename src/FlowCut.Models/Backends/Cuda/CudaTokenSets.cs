using FlowCut.Kernels;
using FlowCut.Kernels.Pruning;

namespace FlowCut.Models.Backends.Cuda;

/// <summary>What methods compute that compare, merge and spread tokens: mixtures kept by the host, choices that need working memory.</summary>
internal sealed class CudaTokenSets(KernelContext kernels, DeviceMemoryPool pool, UploadStaging staging, CudaStream stream) : IDisposable
{
    private readonly DeviceNumbers<int> _ends = new(pool, staging, stream), _sources = new(pool, staging, stream);
    private readonly DeviceNumbers<float> _weights = new(pool, staging, stream);
    private DeviceMemory? _scratch;

    public void AddMeanProbabilities(Tensor logProbabilities, float weight, Tensor sums) => MeanProbabilities.Launch(
        kernels, CudaBuffer.View(logProbabilities, nameof(logProbabilities)), CudaBuffer.Row(sums, nameof(sums)), weight, stream);

    public void Measure(PairMeasure measure, Tensor x, Tensor y, Tensor result) => Pairwise.Launch(
        kernels, KindOf(measure), CudaBuffer.View(x, nameof(x)), CudaBuffer.View(y, nameof(y)), CudaBuffer.View(result, nameof(result)), stream);

    /// <exception cref="ArgumentException">Shapes disagree, or the mix names a row that x does not have.</exception>
    public void Mix(Tensor x, RowMix mix, Tensor y)
    {
        if (y.Rows != mix.Rows) throw new ArgumentException($"'{nameof(y)}' has {y.Rows} rows, the mix {mix.Rows}.", nameof(y));
        mix.CheckSources(x.Rows);
        MixRows.Launch(
            kernels, CudaBuffer.View(x, nameof(x)), _ends.Of(mix.Ends), _sources.Of(mix.AllSources), _weights.Of(mix.AllWeights), CudaBuffer.View(y, nameof(y)), stream);
    }

    public void Farthest(Tensor x, DeviceArray<int> points) =>
        FarthestPoints.Launch(kernels, CudaBuffer.View(x, nameof(x)), points, Scratch(FarthestPoints.ScratchLength(x.Rows, points.Length)), stream);

    public void Determinant(Tensor x, Tensor relevance, DeviceArray<int> points) => GreedyDeterminant.Launch(
        kernels, CudaBuffer.View(x, nameof(x)), CudaBuffer.Row(relevance, nameof(relevance)), points, Scratch(GreedyDeterminant.ScratchLength(x.Rows, points.Length)), stream);

    public void Dispose()
    {
        _scratch?.Dispose();
        _weights.Dispose();
        _sources.Dispose();
        _ends.Dispose();
    }

    /// <summary>The next call may take the same.</summary>
    private DeviceArray<long> Scratch(int words)
    {
        if (_scratch is null || _scratch.Bytes < (long)words * sizeof(long))
        {
            _scratch?.Dispose();
            _scratch = null;
            _scratch = pool.Allocate((long)words * sizeof(long), stream);
        }

        return _scratch.Array<long>(words);
    }

    private static Kernels.Pruning.PairMeasure KindOf(PairMeasure measure) => measure switch
    {
        PairMeasure.Product => Kernels.Pruning.PairMeasure.Product,
        PairMeasure.Cosine => Kernels.Pruning.PairMeasure.Cosine,
        PairMeasure.SquaredDistance => Kernels.Pruning.PairMeasure.SquaredDistance,
        _ => throw new ArgumentOutOfRangeException(nameof(measure), measure, "There is no such measure."),
    };
}

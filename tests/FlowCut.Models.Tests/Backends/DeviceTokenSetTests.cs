using FlowCut.Kernels;
using FlowCut.Models.Backends;
using FlowCut.Models.Backends.Cpu;
using FlowCut.Models.Backends.Cuda;
using FlowCut.Testing;

namespace FlowCut.Models.Tests.Backends;

/// <summary>What methods that compare, merge and spread tokens compute: the CUDA backend as the CPU's, one after the other in one stream.</summary>
public class DeviceTokenSetTests
{
    private const int Rows = 50, Columns = 70;

    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void Every_operation_agrees_with_the_CPU_backend(string device)
    {
        using var cpu = new CpuBackend(2);
        using var cuda = Open(device);
        var (expected, actual) = (Run(cpu), Run(cuda));
        Assert.Equal(expected.Keys, actual.Keys);
        foreach (var (name, values) in expected)
        {
            // row numbers are the same, sums but for their rounding
            if (name.EndsWith("points", StringComparison.Ordinal)) Assert.Equal(values, actual[name]);
            else new Tolerance(2e-5, 64).Check(Array.ConvertAll(values, v => (double)v), actual[name], name);
        }

        Assert.Equal(actual, Run(cuda));
    }

    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void What_is_no_number_or_beyond_the_rank_shows_as_on_the_CPU(string device)
    {
        using var cuda = Open(device);
        Assert.Equal([0, 1, 2], Choose(cuda, [1, 1, 1, 1, 1, 1], 3, 3, null));
        Assert.Equal([-1, -1], Choose(cuda, [1, 1, float.NaN, 1, 1, 1], 3, 2, null));
        Assert.Equal([0, 1, -1, -1], Choose(cuda, [1, 0, 0, 2, 3, 0, 0, 1], 4, 4, [1, 1, 1, 1]));
        Assert.Equal([2, -1, -1], Choose(cuda, [0, 0, 1, 0, 0, 1], 3, 3, [1, 0, 1]));
        Assert.Equal([2, 0, -1], Choose(cuda, [1, 0, float.NaN, 1, 0, 1], 3, 3, [1, 9, 2]));
        Assert.Equal([2, 0, -1], Choose(cuda, [1, 0, 1, 1, 0, 1], 3, 3, [1, float.PositiveInfinity, 2]));
    }

    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void Arguments_are_checked(string device)
    {
        using var cuda = Open(device);
        Tensor x = cuda.Allocate(3, 2), y = cuda.Allocate(2, 2), square = cuda.Allocate(3, 3, Precision.Single), row = cuda.Allocate(1, 3, Precision.Single);
        using var points = cuda.AllocateIndices(2);
        var mix = new RowMix();
        mix.Add(3, 1);
        mix.EndRow();
        Assert.Throws<ArgumentException>(() => cuda.MixRows(x, mix, x.SliceRows(0, 1)));
        Assert.Throws<ArgumentException>(() => cuda.MixRows(x, mix, y));
        Assert.Throws<ArgumentException>(() => cuda.Pairwise(PairMeasure.Cosine, x, y, square));
        Assert.ThrowsAny<ArgumentException>(() => cuda.AddMeanProbabilities(square, 1, row.SliceColumns(0, 2)));
        Assert.ThrowsAny<ArgumentException>(() => cuda.FarthestPoints(x, 4, points, 0));
        Assert.ThrowsAny<ArgumentException>(() => cuda.FarthestPoints(x, 2, points, 1));
        Assert.ThrowsAny<ArgumentException>(() => cuda.GreedyDeterminant(x, row.SliceColumns(0, 2), 2, points, 0));
        foreach (var tensor in new[] { x, y, square, row }) tensor.Buffer.Dispose();
    }

    private static CudaBackend Open(string device) => CudaBackend.Open(device, TestDevices.Require(device), activations: ElementType.Float32);

    private static Dictionary<string, float[]> Run(Backend backend)
    {
        var buffers = new List<DeviceBuffer>();
        Tensor x = Upload(TestData.Normal(1, Rows * Columns), Rows, Columns), few = Upload(TestData.Normal(2, 7 * Columns), 7, Columns);
        var relevance = Upload([.. TestData.Normal(3, Rows).Select(MathF.Abs)], 1, Rows);
        var results = new Dictionary<string, float[]>();
        foreach (var measure in Enum.GetValues<PairMeasure>())
        {
            var pairs = Upload(new float[Rows * 7], Rows, 7);
            backend.Pairwise(measure, x, few, pairs);
            results.Add(measure.ToString(), Read(pairs));
        }

        var sums = Upload(TestData.Normal(4, Columns), 1, Columns);
        backend.AddMeanProbabilities(x, 0.5f, sums);
        results.Add("sums", Read(sums));
        var mixed = Upload(new float[3 * Columns], 3, Columns);
        // two mixtures of the same shape: what the device was told of the first must not serve the second
        foreach (var first in new[] { 0, 5 })
        {
            var mix = new RowMix();
            mix.AddMean([first, 3, 9]);
            mix.EndRow();
            mix.EndRow();
            mix.Add(first + 1, -0.5f);
            mix.EndRow();
            backend.MixRows(x, mix, mixed);
            results.Add($"mixture of {first}", Read(mixed));
        }

        using var points = backend.AllocateIndices(30);
        backend.FarthestPoints(x, 12, points, 0);
        backend.GreedyDeterminant(x, relevance, 18, points, 12);
        var numbers = new int[30];
        backend.Download(points, numbers);
        results.Add("points", Array.ConvertAll(numbers, n => (float)n));
        foreach (var buffer in buffers) buffer.Dispose();
        return results;

        Tensor Upload(float[] values, int rows, int columns)
        {
            var tensor = backend.Allocate(rows, columns, Precision.Single);
            buffers.Add(tensor.Buffer);
            backend.Upload(values, tensor);
            return tensor;
        }

        float[] Read(Tensor tensor)
        {
            var values = new float[tensor.Rows * tensor.Columns];
            backend.Download(tensor, values);
            return values;
        }
    }

    private static int[] Choose(Backend backend, float[] values, int rows, int count, float[]? relevance)
    {
        Tensor x = backend.Allocate(rows, values.Length / rows, Precision.Single), r = backend.Allocate(1, rows, Precision.Single);
        backend.Upload(values, x);
        using var points = backend.AllocateIndices(count);
        if (relevance is null)
        {
            backend.FarthestPoints(x, count, points, 0);
        }
        else
        {
            backend.Upload(relevance, r);
            backend.GreedyDeterminant(x, r, count, points, 0);
        }

        var order = new int[count];
        backend.Download(points, order);
        x.Buffer.Dispose();
        r.Buffer.Dispose();
        return order;
    }
}

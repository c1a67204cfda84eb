using FlowCut.Kernels;
using FlowCut.Models.Backends;
using FlowCut.Models.Backends.Cpu;
using FlowCut.Models.Backends.Cuda;
using FlowCut.Models.Pruning;
using FlowCut.Testing;

namespace FlowCut.Models.Tests.Backends;

/// <summary>A device's operations against the CPU backend's on the same numbers, rounded to what the device stores activations as.</summary>
public class DeviceOperationTests
{
    public static TheoryData<string, ElementType> Devices()
    {
        var data = new TheoryData<string, ElementType>();
        foreach (var device in new[] { TestDevices.Simulator, TestDevices.Gpu })
        {
            foreach (var type in Enum.GetValues<ElementType>()) data.Add(device, type);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Devices))]
    public void Scores_without_a_class_row(string device, ElementType type)
    {
        foreach (var semantic in Enum.GetValues<SemanticCriterion>())
        {
            foreach (var criteria in new[] { Criteria.All, Criteria.Attention | Criteria.Density, Criteria.Semantic })
                Compare(device, type, backend => Scores(backend, type, criteria, semantic), 1e-4);
        }
    }

    /// <summary>Statistics of values against each sequence's first row, in the attention pass itself.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void Attention_exports_the_first_row_of_each_sequence(string device, ElementType type) => Compare(device, type, backend =>
    {
        const int heads = 2, size = 40, rows = 60;
        var sequences = new Sequences(0, 1, 38, 60);
        Tensor Input(int seed) => Activations(backend, type, TestData.Normal(seed, rows * heads * size), rows);
        var export = Export(backend, heads, heads, rows, null);
        backend.Attention(new AttentionArguments
        {
            Query = Input(1),
            Key = Input(2),
            Value = Input(3),
            Output = backend.Allocate(rows, heads * size),
            Heads = heads,
            KeyValueHeads = heads,
            HeadSize = size,
            Scale = 1 / MathF.Sqrt(size),
            Queries = sequences,
            Keys = sequences,
            Causal = false,
            Export = export,
        });
        return [export.LogProbabilities, export.ValueProducts, export.ValueDensity, export.ValueSquaredNorms];
    }, 1e-4);

    [Theory]
    [MemberData(nameof(Devices))]
    public void Means_and_LayerScale(string device, ElementType type) => Compare(device, type, backend =>
    {
        var x = Activations(backend, type, TestData.Normal(1, 60 * 33), 60);
        var (mean, y) = (backend.Allocate(4, 33, Precision.Single), backend.Allocate(60, 33, Precision.Single));
        backend.SequenceMean(x, new Sequences(0, 1, 1, 38, 60), mean);
        backend.Copy(x, y);
        var scale = backend.Allocate(1, 33, Precision.Single);
        backend.Upload(TestData.Normal(2, 33), scale);
        backend.LayerScale(x, scale, y);
        return [mean, y];
    }, 1e-5);

    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void Rotations_on_several_axes_in_place(string device)
    {
        foreach (var sections in new int[][] { [10, 10], [4, 6, 6] })
        {
            Compare(device, ElementType.Float32, backend =>
            {
                var columns = 2 * 2 * sections.Sum();
                Tensor Input(int seed) => Activations(backend, ElementType.Float32, TestData.Normal(seed, 17 * columns), 17);
                var (q, k, v) = (Input(1), Input(2), Input(3));
                var frequencies = backend.Allocate(1, sections.Sum(), Precision.Single);
                backend.Upload(RotaryAxesTests.Frequencies(sections.Sum()), frequencies);
                var at = RotaryAxesTests.At(backend, RotaryAxesTests.Positions(sections.Length, 22), sections).Slice(3, 17);
                backend.RotaryAppend(q, k, v, at, frequencies, columns / 2, k, v);
                return [q, k, v];
            }, 1e-5);
        }
    }

    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void Selections_by_groups_and_gathered_indices(string device)
    {
        foreach (var group in new[] { 1, 3, 4 })
        {
            // halves, with ties and not-a-number
            float[] scores = [.. Enumerable.Range(0, 240).Select(i => i % 37 == 5 ? float.NaN : i * 7919 % 9 / 2f)];
            Assert.Equal(Select(new CpuBackend(1)), Select(CudaBackend.Open("device", TestDevices.Require(device))));

            int[] Select(Backend backend)
            {
                using var _ = backend;
                var (row, rows, numbers) = (backend.Allocate(1, 240, Precision.Single), backend.AllocateIndices(121), backend.AllocateIndices(241));
                backend.Upload(scores, row);
                backend.Upload([.. Enumerable.Range(0, 241).Select(i => 1000 - i)], numbers);
                backend.SelectTop(row, group, 30, 1, rows, 1);
                var kept = new IndexView(rows, 1, 30 * group);
                var (gathered, result, inverse) = (backend.AllocateIndices(30 * group), new int[30 * group + 1], new int[30 * group]);
                backend.GatherIndices(new IndexView(numbers, 0, 241), kept, new IndexView(gathered, 0, inverse.Length));
                backend.Download(rows, result);
                backend.Download(gathered, inverse);
                foreach (var buffer in new[] { rows, numbers, gathered }) buffer.Dispose();
                row.Buffer.Dispose();
                Assert.Equal(inverse, result[1..].Select(i => 1000 - i));
                return result[1..];
            }
        }
    }

    private static Tensor[] Scores(Backend backend, ElementType type, Criteria criteria, SemanticCriterion semantic)
    {
        const int heads = 4, valueHeads = 2, size = 40, rows = 60;
        var keys = new Sequences(0, 1, 1, 38, 60);
        Tensor Single(int seed, int columns)
        {
            var x = backend.Allocate(4, columns, Precision.Single);
            backend.Upload(TestData.Normal(seed, 4 * columns), x);
            return x;
        }

        Tensor Row() => backend.Allocate(1, rows, Precision.Single);
        var export = Export(backend, heads, valueHeads, rows, 4);
        backend.AttentionRow(new AttentionRowArguments
        {
            Query = Single(1, heads * size),
            GlobalValue = Single(2, valueHeads * size),
            Key = Activations(backend, type, TestData.Normal(3, rows * valueHeads * size), rows),
            Value = Activations(backend, type, TestData.Normal(4, rows * valueHeads * size), rows),
            Keys = keys,
            Heads = heads,
            KeyValueHeads = valueHeads,
            HeadSize = size,
            Scale = 1 / MathF.Sqrt(size),
            Export = export,
        });
        var scores = new FlowScoreArguments
        {
            Export = export,
            Keys = keys,
            Heads = heads,
            HeadSize = size,
            HasClass = false,
            Criteria = criteria,
            Semantic = semantic,
            AttentionOverPatches = false,
            EmaWeight = null,
            AttentionScores = Row(),
            SemanticScores = Row(),
            Scores = Row(),
            Cumulative = Row(),
            EntropyRatios = backend.AllocateHostValues(4),
        };
        backend.FlowScore(scores);
        // the second sequence has no keys and gets nothing
        var norms = export.GlobalSquaredNorms!.Value;
        return [export.LogProbabilities, export.ValueProducts, export.ValueDensity, export.ValueSquaredNorms, norms.SliceColumns(0, 1), norms.SliceColumns(2, 2), scores.AttentionScores, scores.Scores, scores.Cumulative];
    }

    private static AttentionExport Export(Backend backend, int heads, int valueHeads, int rows, int? sequences) => new()
    {
        LogProbabilities = backend.Allocate(heads, rows, Precision.Single),
        ValueProducts = backend.Allocate(valueHeads, rows, Precision.Single),
        ValueDensity = backend.Allocate(1, rows, Precision.Single),
        ValueSquaredNorms = backend.Allocate(1, rows, Precision.Single),
        GlobalSquaredNorms = sequences is { } count ? backend.Allocate(1, count, Precision.Single) : null,
    };

    /// <summary>Rounded to the device's type before both see them.</summary>
    private static Tensor Activations(Backend backend, ElementType type, float[] values, int rows)
    {
        var x = backend.Allocate(rows, values.Length / rows);
        backend.Upload(Array.ConvertAll(values, v => type switch
        {
            ElementType.Float32 => v,
            ElementType.Float16 => (float)(Half)v,
            _ => BitConverter.UInt32BitsToSingle((BitConverter.SingleToUInt32Bits(v) + 0x8000) & 0xFFFF_0000),
        }), x);
        return x;
    }

    /// <summary>Everything within a share of the largest value of its tensor.</summary>
    private static void Compare(string device, ElementType type, Func<Backend, Tensor[]> work, double share)
    {
        using var expected = new CpuBackend(1);
        using var actual = CudaBackend.Open("device", TestDevices.Require(device), activations: type);
        var (theirs, ours) = (work(expected), work(actual));
        for (var i = 0; i < theirs.Length; i++)
        {
            var (a, b) = (new float[theirs[i].Rows * theirs[i].Columns], new float[theirs[i].Rows * theirs[i].Columns]);
            expected.Download(theirs[i], a);
            actual.Download(ours[i], b);
            var allowed = share * a.Max(Math.Abs);
            for (var j = 0; j < a.Length; j++) Assert.True(Math.Abs(a[j] - b[j]) <= allowed, $"result {i}, entry {j}: {b[j]:R}, expected {a[j]:R} ± {allowed:E2}");
        }

        foreach (var buffer in theirs.Concat(ours).Select(t => t.Buffer).Distinct()) buffer.Dispose();
    }
}

using FlowCut.Models.Backends;
using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Tests.Backends.Linear;

public class LinearTests
{
    private static readonly int[] s_rows = [1, 2, 3, 5, 8, 13, 64, 97];
    private static readonly int[] s_columns = [1, 7, 16, 31, 48, 100, 257];
    private static readonly StoredType[] s_types = [StoredType.Float32, StoredType.Float16, StoredType.BFloat16];

    /// <summary>Around every width of a register and every step of the blocks.</summary>
    public static readonly TheoryData<int> Depths = [0, 1, 2, 15, 16, 17, 31, 33, 64, 255, 256, 257, 512, 1030];

    /// <summary>
    /// Small whole numbers: every sum is exact in fp32 in whatever order, so every entry of every shape must be the very
    /// number, for every weight type, register width and layout. A term left out, doubled or misplaced shows.
    /// </summary>
    [Theory]
    [MemberData(nameof(Depths))]
    public void Whole_numbers_give_exact_sums_at_every_size(int depth)
    {
        int rows = s_rows.Max(), columns = s_columns.Max();
        float[] x = WholeNumbers(1, rows * depth), weight = WholeNumbers(2, columns * depth), bias = WholeNumbers(3, columns), residual = WholeNumbers(4, rows * columns);
        var sums = new float[rows, columns];
        for (var i = 0; i < rows; i++)
        {
            for (var j = 0; j < columns; j++) sums[i, j] = Dot(x.AsSpan(i * depth, depth), weight.AsSpan(j * depth, depth));
        }

        using var stored = new StoredWeights();
        var weights = s_types.Select(type => stored.Matrix(weight, columns, depth, type)).ToArray();
        foreach (var (lanes, layout) in new[] { (16, Layout.Dense), (16, Layout.Strided), (8, Layout.Strided), (4, Layout.Dense) })
        {
            using var w = new Workspace(2, lanes);
            var (inputs, biases, residuals, outputs) = (w.Input(x, rows, depth, layout), w.Input(bias, 1, columns, layout), w.Input(residual, rows, columns, layout), w.Output(rows, columns, layout));
            foreach (var (m, n, type) in Shapes())
            {
                // each shape with a different choice of the optional inputs
                bool hasBias = (m + n) % 2 == 0, hasResidual = n % 3 == 0;
                var y = outputs.SliceRows(0, m).SliceColumns(0, n);
                w.Backend.Linear(
                    inputs.SliceRows(0, m), w.Backend.LoadMatrix(StoredWeights.FirstRows(weights[type], n)), hasBias ? biases.SliceColumns(0, n) : null,
                    Activation.None, hasResidual ? residuals.SliceRows(0, m).SliceColumns(0, n) : null, y);
                var actual = w.Read(y);
                for (var i = 0; i < m; i++)
                {
                    for (var j = 0; j < n; j++)
                    {
                        var expected = sums[i, j] + (hasBias ? bias[j] : 0) + (hasResidual ? residual[i * columns + j] : 0);
                        if (expected != actual[i * n + j])
                            Assert.Fail($"[{m}, {depth}]·[{n}, {depth}]ᵀ of {s_types[type]} with {lanes} lanes, {layout}: y[{i}, {j}] is {actual[i * n + j]}, expected {expected}");
                    }
                }
            }
        }

        static IEnumerable<(int Rows, int Columns, int Type)> Shapes() =>
            from m in s_rows from n in s_columns from type in Enumerable.Range(0, s_types.Length) select (m, n, type);
    }

    [Theory]
    [InlineData(1, 48, 255)]
    [InlineData(1, 257, 1030)]
    [InlineData(2, 31, 64)]
    [InlineData(5, 100, 257)]
    [InlineData(33, 49, 513)]
    [InlineData(97, 257, 1030)]
    public void Agrees_with_double_precision_for_every_type_activation_and_epilogue(int rows, int columns, int depth)
    {
        // sums of about unit variance, with outliers, so that both activations are met where they bend
        float[] x = TestData.Normal(1, rows * depth, 1, outlier: 20), bias = TestData.Normal(3, columns), residual = TestData.Normal(4, rows * columns);
        using var stored = new StoredWeights();
        foreach (var type in s_types)
        {
            var weight = stored.Matrix(TestData.Normal(2, columns * depth, 0.5 / Math.Sqrt(depth)), columns, depth, type);
            foreach (var activation in Enum.GetValues<Activation>())
            {
                foreach (var (hasBias, hasResidual) in new[] { (false, false), (true, false), (false, true), (true, true) })
                {
                    var oracle = new LinearOracle(x, StoredWeights.Decode(weight), rows, columns, depth, hasBias ? bias : null, activation, hasResidual ? residual : null);
                    foreach (var lanes in new[] { 16, 8, 4 })
                    {
                        using var w = new Workspace(2, lanes);
                        var y = w.Output(rows, columns, Layout.Strided);
                        w.Backend.Linear(
                            w.Input(x, rows, depth, Layout.Strided), w.Backend.LoadMatrix(weight), hasBias ? w.Input(bias, 1, columns) : null,
                            activation, hasResidual ? w.Input(residual, rows, columns, Layout.Strided) : null, y);
                        oracle.Check(w.Read(y), $"{type}, {activation}, bias {hasBias}, residual {hasResidual}, {lanes} lanes");
                    }
                }
            }
        }
    }

    /// <summary>More rows than one part of work takes, so that parts meet inside a matrix.</summary>
    [Theory]
    [InlineData(767)]
    [InlineData(768)]
    [InlineData(769)]
    [InlineData(1601)]
    public void More_rows_than_a_block_of_activations(int rows)
    {
        const int columns = 53, depth = 40;
        float[] x = WholeNumbers(1, rows * depth), weight = WholeNumbers(2, columns * depth);
        using var stored = new StoredWeights();
        foreach (var lanes in new[] { 16, 8, 4 })
        {
            using var w = new Workspace(3, lanes);
            var y = w.Output(rows, columns, Layout.Strided);
            w.Backend.Linear(w.Input(x, rows, depth), w.Backend.LoadMatrix(stored.Matrix(weight, columns, depth, StoredType.Float16)), null, Activation.None, null, y);
            var actual = w.Read(y);
            for (var i = 0; i < actual.Length; i++)
                Assert.Equal(Dot(x.AsSpan(i / columns * depth, depth), weight.AsSpan(i % columns * depth, depth)), actual[i]);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(9)]
    public void Parts_below_each_other_are_one_matrix(int rows)
    {
        const int depth = 70;
        int[] heights = [1, 47, 3, 64];
        var columns = heights.Sum();
        float[] x = WholeNumbers(1, rows * depth), weight = WholeNumbers(2, columns * depth);
        using var stored = new StoredWeights();
        foreach (var type in s_types)
        {
            var start = 0;
            var parts = heights.Select(height => stored.Matrix(weight.AsSpan(((start += height) - height) * depth, height * depth), height, depth, type)).ToArray();
            using var w = new Workspace(2);
            var (joined, whole, input) = (w.Output(rows, columns), w.Output(rows, columns), w.Input(x, rows, depth));
            w.Backend.Linear(input, w.Backend.LoadMatrix(parts), null, Activation.None, null, joined);
            w.Backend.Linear(input, w.Backend.LoadMatrix(stored.Matrix(weight, columns, depth, type)), null, Activation.None, null, whole);
            Assert.Equal(w.Read(whole), w.Read(joined));
            Assert.Equal(Dot(x.AsSpan((rows - 1) * depth), weight.AsSpan((columns - 1) * depth)), w.Read(joined)[^1]);
        }
    }

    /// <summary>A convolution's weight [out, 3, p, p] is a matrix with the rest flattened.</summary>
    [Fact]
    public unsafe void Further_dimensions_are_columns()
    {
        using var stored = new StoredWeights();
        var flat = stored.Matrix([1, 2, 3, 4, 5, 6, 7, 8], 2, 4, StoredType.Float32);
        var folded = new StoredTensor("w", "memory", flat.Type, [2, 1, 2, 2], flat.Data, flat.ByteLength);
        using var w = new Workspace(1);
        var y = w.Output(2, 2);
        w.Backend.Linear(w.Input([1, 1, 1, 1, 1, 0, 0, -1], 2, 4), w.Backend.LoadMatrix(folded), null, Activation.None, null, y);
        Assert.Equal([10, 26, -3, -3], w.Read(y));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    public void The_residual_may_be_the_output(int rows)
    {
        const int columns = 59, depth = 33;
        float[] x = TestData.Normal(1, rows * depth), residual = TestData.Normal(2, rows * columns);
        using var stored = new StoredWeights();
        using var w = new Workspace(2);
        var matrix = w.Backend.LoadMatrix(stored.Matrix(TestData.Normal(3, columns * depth), columns, depth, StoredType.BFloat16));
        var (input, apart, inPlace) = (w.Input(x, rows, depth), w.Output(rows, columns, Layout.Strided), w.Input(residual, rows, columns, Layout.Strided));
        w.Backend.Linear(input, matrix, null, Activation.QuickGelu, w.Input(residual, rows, columns), apart);
        w.Backend.Linear(input, matrix, null, Activation.QuickGelu, inPlace, inPlace);
        Assert.Equal(w.Read(apart), w.Read(inPlace));
    }

    internal static float[] WholeNumbers(int seed, int count)
    {
        var random = new Random(seed);
        var values = new float[count];
        for (var i = 0; i < count; i++) values[i] = random.Next(-8, 9);
        return values;
    }

    private static float Dot(ReadOnlySpan<float> x, ReadOnlySpan<float> weight)
    {
        var sum = 0f;
        for (var k = 0; k < Math.Min(x.Length, weight.Length); k++) sum += x[k] * weight[k];
        return sum;
    }
}

using System.Runtime.CompilerServices;
using FlowCut.Models.Backends;
using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Tests.Backends.Linear;

/// <summary>Not-a-number, infinities and subnormal numbers: they reach the outputs they belong to and no other.</summary>
public class LinearSpecialValueTests
{
    public static readonly TheoryData<int, int, int> Shapes = new() { { 1, 33, 16 }, { 1, 40, 70 }, { 2, 17, 5 }, { 9, 50, 257 }, { 35, 61, 300 } };

    private static readonly StoredType[] s_types = [StoredType.Float32, StoredType.Float16, StoredType.BFloat16];

    [Theory]
    [MemberData(nameof(Shapes))]
    public void A_special_value_in_the_input_reaches_exactly_its_row(int rows, int columns, int depth)
    {
        using var stored = new StoredWeights();
        var x = TestData.Normal(1, rows * depth);
        // positive weights: an infinity stays one of its own sign
        var weight = TestData.Normal(2, columns * depth).Select(v => Math.Abs(v) + 0.5f).ToArray();
        foreach (var type in s_types)
        {
            var matrix = stored.Matrix(weight, columns, depth, type);
            foreach (var lanes in new[] { 16, 8, 4 })
            {
                foreach (var (row, column) in new[] { (0, 0), (rows - 1, depth - 1), (rows / 2, depth / 2) })
                {
                    foreach (var special in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity })
                    {
                        using var w = new Workspace(2, lanes);
                        var changed = (float[])x.Clone();
                        changed[row * depth + column] = special;
                        var y = Multiply(w, changed, rows, matrix);
                        var clean = Multiply(w, x, rows, matrix);
                        for (var i = 0; i < y.Length; i++) Assert.Equal(i / columns == row ? special : clean[i], y[i]);
                    }
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Shapes))]
    public void A_special_weight_reaches_exactly_its_column(int rows, int columns, int depth)
    {
        using var stored = new StoredWeights();
        var x = TestData.Normal(1, rows * depth).Select(v => Math.Abs(v) + 0.5f).ToArray();
        var weight = TestData.Normal(2, columns * depth);
        foreach (var type in s_types)
        {
            var matrix = stored.Matrix(weight, columns, depth, type);
            foreach (var (row, column) in new[] { (0, 0), (columns - 1, depth - 1), (columns / 2, depth / 2) })
            {
                foreach (var special in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity })
                {
                    var changed = (float[])weight.Clone();
                    changed[row * depth + column] = special;
                    var damaged = stored.Matrix(changed, columns, depth, type);
                    foreach (var lanes in new[] { 16, 8, 4 })
                    {
                        using var w = new Workspace(2, lanes);
                        var y = Multiply(w, x, rows, damaged);
                        var clean = Multiply(w, x, rows, matrix);
                        for (var i = 0; i < y.Length; i++) Assert.Equal(i % columns == row ? special : clean[i], y[i]);
                    }
                }
            }
        }
    }

    /// <summary>Matrix row i holds bit pattern i and otherwise zeros, the input ones: the product shows how each of the 2¹⁶ patterns was widened.</summary>
    [Theory]
    [InlineData(StoredType.Float16, 1)]
    [InlineData(StoredType.Float16, 3)]
    [InlineData(StoredType.BFloat16, 1)]
    [InlineData(StoredType.BFloat16, 3)]
    public unsafe void Every_bit_pattern_of_a_weight_is_widened_exactly(StoredType type, int rows)
    {
        const int count = 1 << 16, depth = 37;
        using var stored = new StoredWeights();
        foreach (var position in new[] { 0, 31, 36 })
        {
            var patterns = stored.Matrix(new float[count * depth], count, depth, type);
            for (var i = 0; i < count; i++) Unsafe.WriteUnaligned(patterns.Data + ((long)i * depth + position) * 2, (ushort)i);
            var x = new float[rows * depth];
            Array.Fill(x, 1);
            using var w = new Workspace(2);
            var y = Multiply(w, x, rows, patterns);
            for (var i = 0; i < y.Length; i++)
            {
                var bits = (ushort)(i % count);
                var expected = type == StoredType.Float16 ? (float)BitConverter.UInt16BitsToHalf(bits) : BitConverter.UInt32BitsToSingle((uint)bits << 16);
                if (!expected.Equals(y[i])) Assert.Fail($"pattern {bits:X4} at {position} became {y[i]:R}, expected {expected:R}");
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Subnormal_inputs_weights_and_results_are_not_flushed_to_zero(int rows)
    {
        const int depth = 20;
        using var stored = new StoredWeights();
        foreach (var lanes in new[] { 16, 8, 4 })
        {
            using var w = new Workspace(1, lanes);
            var smallest = stored.Matrix([.. Enumerable.Repeat(float.Epsilon, depth)], 1, depth, StoredType.Float32);
            Assert.All(Multiply(w, [.. Enumerable.Repeat(1f, rows * depth)], rows, smallest), v => Assert.Equal(depth * float.Epsilon, v));
            // 2⁻²⁴, a half's smallest, times an input so that the products are subnormal in single precision
            var halves = stored.Matrix([.. Enumerable.Repeat(MathF.ScaleB(1, -24), depth)], 1, depth, StoredType.Float16);
            Assert.All(Multiply(w, [.. Enumerable.Repeat(MathF.ScaleB(1, -120), rows * depth)], rows, halves), v => Assert.Equal(depth * MathF.ScaleB(1, -144), v));
        }
    }

    [Theory]
    [InlineData(Activation.QuickGelu)]
    [InlineData(Activation.Gelu)]
    [InlineData(Activation.GeluTanh)]
    public void Activations_far_out_are_the_value_or_nothing_and_keep_nan(Activation activation)
    {
        float[] values = [0, 1000, -1000, 3e38f, -3e38f, float.PositiveInfinity, float.NaN];
        using var stored = new StoredWeights();
        foreach (var rows in new[] { 1, 2 })
        {
            using var w = new Workspace(1);
            var matrix = w.Backend.LoadMatrix(stored.Matrix(values, values.Length, 1, StoredType.Float32));
            var y = w.Output(rows, values.Length);
            w.Backend.Linear(w.Input([.. Enumerable.Repeat(1f, rows)], rows, 1), matrix, null, activation, null, y);
            for (var row = 0; row < rows; row++)
                Assert.Equal([0, 1000, 0, 3e38f, 0, float.PositiveInfinity, float.NaN], w.Read(y)[(row * values.Length)..((row + 1) * values.Length)]);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(6)]
    public void A_special_bias_reaches_its_column_and_a_special_residual_its_entry(int rows)
    {
        const int columns = 37, depth = 8;
        using var stored = new StoredWeights();
        var weight = stored.Matrix(TestData.Normal(1, columns * depth), columns, depth, StoredType.Float16);
        foreach (var lanes in new[] { 16, 8, 4 })
        {
            using var w = new Workspace(2, lanes);
            var matrix = w.Backend.LoadMatrix(weight);
            var x = w.Input(TestData.Normal(2, rows * depth), rows, depth);
            float[] bias = TestData.Normal(3, columns), residual = TestData.Normal(4, rows * columns);
            bias[36] = float.NaN;
            residual[(rows - 1) * columns + 5] = float.NegativeInfinity;
            var y = w.Output(rows, columns);
            w.Backend.Linear(x, matrix, w.Input(bias, 1, columns), Activation.None, w.Input(residual, rows, columns), y);
            var actual = w.Read(y);
            for (var i = 0; i < actual.Length; i++)
            {
                Assert.Equal(i % columns == 36, float.IsNaN(actual[i]));
                Assert.Equal(i == (rows - 1) * columns + 5, float.IsNegativeInfinity(actual[i]));
            }
        }
    }

    private static float[] Multiply(Workspace w, float[] x, int rows, StoredTensor matrix)
    {
        var weight = w.Backend.LoadMatrix(matrix);
        var y = w.Output(rows, weight.Rows);
        w.Backend.Linear(w.Input(x, rows, weight.Columns), weight, null, Activation.None, null, y);
        return w.Read(y);
    }
}

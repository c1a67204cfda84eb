using System.Runtime.InteropServices;
using FlowCut.Models.Backends;
using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Tests.Backends.Linear;

/// <summary>What callers rely on beside the numbers: the same bits on any machine load, no garbage, errors that name the argument.</summary>
public class LinearContractTests
{
    private static readonly StoredType[] s_types = [StoredType.Float32, StoredType.Float16, StoredType.BFloat16];

    [Theory]
    [InlineData(1, 300, 1030)]
    [InlineData(2, 49, 257)]
    [InlineData(97, 257, 600)]
    [InlineData(800, 97, 64)]
    public void The_number_of_workers_changes_no_bit(int rows, int columns, int depth)
    {
        using var stored = new StoredWeights();
        float[] x = TestData.Normal(1, rows * depth), bias = TestData.Normal(3, columns);
        foreach (var type in s_types)
        {
            var weight = stored.Matrix(TestData.Normal(2, columns * depth), columns, depth, type);
            foreach (var lanes in new[] { 16, 8, 4 })
            {
                var expected = Bits(1);
                foreach (var workers in new[] { 1, 2, 3, 5 })
                    Assert.True(expected.AsSpan().SequenceEqual(Bits(workers)), $"{type}, {lanes} lanes: {workers} workers give other bits than one");

                uint[] Bits(int workers)
                {
                    using var w = new Workspace(workers, lanes);
                    var y = w.Output(rows, columns);
                    w.Backend.Linear(w.Input(x, rows, depth), w.Backend.LoadMatrix(weight), w.Input(bias, 1, columns), Activation.QuickGelu, null, y);
                    return MemoryMarshal.Cast<float, uint>(w.Read(y)).ToArray();
                }
            }
        }
    }

    /// <summary>Scratch memory that an operation of another shape left behind has no influence.</summary>
    [Fact]
    public void Earlier_calls_leave_no_trace()
    {
        using var stored = new StoredWeights();
        var large = stored.Matrix([.. Enumerable.Repeat(float.NaN, 200 * 600)], 200, 600, StoredType.Float32);
        var small = stored.Matrix(LinearTests.WholeNumbers(1, 19 * 21), 19, 21, StoredType.Float16);
        foreach (var lanes in new[] { 16, 8, 4 })
        {
            using var fresh = new Workspace(2, lanes);
            using var used = new Workspace(2, lanes);
            used.Backend.Linear(used.Input([.. Enumerable.Repeat(float.NaN, 100 * 600)], 100, 600), used.Backend.LoadMatrix(large), null, Activation.None, null, used.Output(100, 200));
            foreach (var rows in new[] { 1, 2, 23 })
            {
                var results = new[] { fresh, used }.Select(w =>
                {
                    var y = w.Output(rows, 19);
                    w.Backend.Linear(w.Input(LinearTests.WholeNumbers(2, rows * 21), rows, 21), w.Backend.LoadMatrix(small), null, Activation.Gelu, null, y);
                    return w.Read(y);
                }).ToArray();
                Assert.DoesNotContain(float.NaN, results[0]);
                Assert.Equal(results[0], results[1]);
            }
        }
    }

    [Fact]
    public void No_rows_and_no_columns_are_nothing_to_do()
    {
        using var stored = new StoredWeights();
        using var w = new Workspace(2);
        var matrix = w.Backend.LoadMatrix(stored.Matrix(new float[12], 3, 4, StoredType.Float32));
        w.Backend.Linear(w.Input([], 0, 4), matrix, null, Activation.None, null, w.Output(0, 3));
        var empty = w.Backend.LoadMatrix(stored.Matrix([], 0, 4, StoredType.Float32));
        w.Backend.Linear(w.Input(new float[8], 2, 4), empty, null, Activation.None, null, w.Output(2, 0));
    }

    [Fact]
    public void Wrong_shapes_are_refused_by_the_name_of_the_argument()
    {
        using var stored = new StoredWeights();
        using var w = new Workspace(2);
        var backend = w.Backend;
        var matrix = backend.LoadMatrix(stored.Matrix(new float[12], 3, 4, StoredType.Float32));
        Tensor x = w.Input(new float[8], 2, 4), bias = w.Input(new float[3], 1, 3), residual = w.Input(new float[6], 2, 3), y = w.Output(2, 3);

        Refused("x", () => backend.Linear(x.SliceColumns(0, 3), matrix, bias, Activation.None, residual, y));
        Refused("x", () => backend.Linear(x.SliceRows(0, 1), matrix, bias, Activation.None, residual, y));
        Refused("bias", () => backend.Linear(x, matrix, bias.SliceColumns(0, 2), Activation.None, residual, y));
        Refused("bias", () => backend.Linear(x, matrix, residual, Activation.None, residual, y));
        Refused("residual", () => backend.Linear(x, matrix, bias, Activation.None, residual.SliceRows(0, 1), y));
        Refused("residual", () => backend.Linear(x, matrix, bias, Activation.None, x, y));
        Refused("y", () => backend.Linear(x, matrix, bias, Activation.None, residual, y.SliceColumns(1, 2)));
        Refused("y", () => backend.Linear(x, matrix, bias, Activation.None, residual, y with { Offset = y.Buffer.Length - 5 }));
        Refused("x", () => backend.Linear(x with { Stride = 3 }, matrix, bias, Activation.None, residual, y));
        Refused("x", () => backend.Linear(x with { Offset = -1 }, matrix, bias, Activation.None, residual, y));
        Refused("weight", () => backend.Linear(x, new ForeignMatrix(3, 4), bias, Activation.None, residual, y));
    }

    [Fact]
    public void A_disposed_buffer_is_refused()
    {
        using var stored = new StoredWeights();
        using var w = new Workspace(1);
        var matrix = w.Backend.LoadMatrix(stored.Matrix(new float[12], 3, 4, StoredType.Float32));
        var x = w.Backend.Allocate(2, 4);
        x.Buffer.Dispose();
        Assert.Throws<ObjectDisposedException>(() => w.Backend.Linear(x, matrix, null, Activation.None, null, w.Output(2, 3)));
    }

    [Fact]
    public unsafe void Weights_of_other_types_or_widths_are_refused_with_the_tensor_named()
    {
        using var stored = new StoredWeights();
        using var w = new Workspace(1);
        var bytes = stackalloc byte[64];
        var backend = w.Backend;
        StoredTensor first = stored.Matrix(new float[6], 2, 3, StoredType.Float16), other = new("second", "second.file", StoredType.Float16, [2, 4], bytes, 16),
            otherType = new("third", "third.file", StoredType.Float32, [2, 3], bytes, 24), whole = new("fourth", "fourth.file", StoredType.Int64, [2, 3], bytes, 48),
            vector = new("fifth", "fifth.file", StoredType.Float16, [4], bytes, 8);
        Named("second.file", "'second'", () => backend.LoadMatrix(first, other));
        Named("third.file", "'third'", () => backend.LoadMatrix(first, otherType));
        Named("fourth.file", "Int64", () => backend.LoadMatrix(whole));
        Named("fifth.file", "1 dimensions", () => backend.LoadMatrix(vector));
        Assert.Equal("parts", Assert.Throws<ArgumentException>(() => backend.LoadMatrix()).ParamName);

        static void Named(string file, string part, Action load)
        {
            var e = Assert.Throws<ModelFormatException>(load);
            Assert.Equal(file, e.File);
            Assert.Contains(part, e.Message, StringComparison.Ordinal);
        }
    }

    private static void Refused(string argument, Action call) => Assert.Equal(argument, Assert.ThrowsAny<ArgumentException>(call).ParamName);

    private sealed class ForeignMatrix(int rows, int columns) : Matrix(rows, columns);
}

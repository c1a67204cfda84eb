using System.Numerics;
using System.Runtime.CompilerServices;

namespace FlowCut.Models.Backends.Cpu.Linear;

/// <summary>From sums to outputs: bias, activation, residual.</summary>
internal static unsafe class GemmEpilogue
{
    /// <summary>Finishes a transposed block of sums [columns, rows] and writes it to y.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Finish(in LinearArguments arguments, int firstColumn, int columns, float* block, int stride)
    {
        var rows = arguments.X.Rows;
        for (var column = 0; column < columns; column++)
        {
            var bias = arguments.Bias is { } b ? b.Data[firstColumn + column] : 0;
            if (bias != 0 || arguments.Activation != Activation.None) Activate(block + (long)column * stride, rows, bias, arguments.Activation);
        }

        var y = arguments.Y;
        var c = 0;
        for (; c <= columns - 4 && arguments.Residual is null; c += 4)
            Transpose.FourRows(block + (long)c * stride, stride, rows, y.Row(0) + firstColumn + c, y.Stride);
        if (c == columns) return;
        for (var row = 0; row < rows; row++)
        {
            var output = y.Row(row) + firstColumn;
            var residual = arguments.Residual is { } r ? r.Row(row) + firstColumn : null;
            for (var column = c; column < columns; column++)
            {
                var value = block[(long)column * stride + row];
                output[column] = residual is null ? value : value + residual[column];
            }
        }
    }

    /// <summary>x ← activation(x + bias). Entries beyond <paramref name="count"/>, up to a whole vector, may be overwritten.</summary>
    public static void Activate(float* x, int count, float bias, Activation activation)
    {
        var shift = new Vector<float>(bias);
        for (var i = 0; i < count; i += Vector<float>.Count)
            Unsafe.WriteUnaligned(x + i, Apply(Unsafe.ReadUnaligned<Vector<float>>(x + i) + shift, activation));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector<float> Apply(Vector<float> x, Activation activation) => activation switch
    {
        Activation.QuickGelu => VectorMath.QuickGelu(x),
        Activation.Gelu => VectorMath.Gelu(x),
        Activation.GeluTanh => VectorMath.GeluTanh(x),
        _ => x,
    };
}

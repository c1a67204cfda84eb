using System.Globalization;
using System.Numerics;

namespace FlowCut.Kernels.Matmul;

/// <summary>Everything that cuBLASLt's choice of an algorithm depends on.</summary>
internal readonly record struct ProductShape(
    int Rows, int Columns, int Depth, ElementType Input, ElementType Output, bool HasBias, bool HasResidual,
    long StrideX, long StrideWeight, long StrideResidual, long StrideY, int AlignmentX, int AlignmentWeight, int AlignmentResidual, int AlignmentY)
{
    /// <summary>What instructions that move whole matrices ask for; more alignment makes no difference.</summary>
    private const int FullAlignment = 16;

    public static ProductShape Of(in DeviceMatrix x, in DeviceMatrix weight, bool hasBias, in DeviceMatrix? residual, in DeviceMatrix y) =>
        new(
            x.Rows, weight.Rows, x.Columns, x.Type, y.Type, hasBias, residual is not null,
            Stride(x), Stride(weight), residual is { } r ? Stride(r) : 0, Stride(y),
            Alignment(x.Pointer), Alignment(weight.Pointer), residual is { } s ? Alignment(s.Pointer) : 0, Alignment(y.Pointer));

    /// <summary>
    /// The size whose measurement serves this one too: rows are rounded up to a step that grows with them, so that an algorithm
    /// is no further than an eighth of the rows, or 16 rows, from the size it was measured at.
    /// </summary>
    public ProductShape Measured() => this with { Rows = RoundUp(Rows) };

    /// <summary>For the name of the stored choice.</summary>
    public string Key() => string.Create(CultureInfo.InvariantCulture,
        $"{Rows} {Columns} {Depth} {Input} {Output} {HasBias} {HasResidual} {StrideX} {StrideWeight} {StrideResidual} {StrideY} {AlignmentX} {AlignmentWeight} {AlignmentResidual} {AlignmentY}");

    internal static int RoundUp(int rows)
    {
        if (rows <= FullAlignment) return rows;
        var step = Math.Max(FullAlignment, 1 << (BitOperations.Log2((uint)rows) - 3));
        return (int)Math.Min(int.MaxValue, ((long)rows + step - 1) / step * step);
    }

    private static long Stride(in DeviceMatrix matrix) => matrix.Rows > 1 ? matrix.RowStride : matrix.Columns;

    private static int Alignment(nint pointer) => (int)Math.Min(FullAlignment, 1UL << BitOperations.TrailingZeroCount((ulong)pointer | FullAlignment));
}

using FlowCut.Kernels.Matmul;

namespace FlowCut.Kernels.Cases;

/// <summary>y = x·Wᵀ + bias + residual against sums in double precision.</summary>
internal sealed record LinearCase(int Rows, int Columns, int Depth, ElementType Input, ElementType Output, bool Bias = false, bool Residual = false, Layout Layout = default) : KernelCase
{
    /// <summary>cuBLASLt's sums go in an order of its own; 16-bit results may be rounded twice.</summary>
    private double Relative => Output switch { ElementType.Float16 => 1e-3, ElementType.BFloat16 => 8e-3, _ => 1e-5 };

    public override Prepared Prepare(Workbench bench)
    {
        float[] Values(int seed, int count, ElementType type) => Numbers.Stored(Numbers.Uniform(seed, count, 0.5), type);
        float[] x = Values(1, Rows * Depth, Input), w = Values(2, Columns * Depth, Input), b = Values(3, Columns, Output), r = Values(4, Rows * Columns, Output);
        DeviceMatrix dx = bench.Matrix(x, Rows, Depth, Input, Layout), dw = bench.Matrix(w, Columns, Depth, Input, Layout);
        DeviceMatrix? bias = Bias ? bench.Matrix(b, 1, Columns, Output) : null, residual = Residual ? bench.Matrix(r, Rows, Columns, Output) : null;
        var y = bench.Matrix(null, Rows, Columns, Output, Layout);
        return new Prepared(
            () => Linear.Launch(bench.Kernels, dx, dw, bias, residual, y, bench.Stream),
            what => Compare(x, w, Bias ? b : null, Residual ? r : null, bench.Read(y), what),
            dx.Bytes + dw.Bytes + y.Bytes,
            2.0 * Rows * Columns * Depth);
    }

    private void Compare(float[] x, float[] w, float[]? bias, float[]? residual, float[] values, string what)
    {
        for (var i = 0; i < values.Length; i++)
        {
            double sum = (bias?[i % Columns] ?? 0) + (residual?[i] ?? 0);
            for (var k = 0; k < Depth; k++) sum += (double)x[i / Columns * Depth + k] * w[i % Columns * Depth + k];
            var allowed = 1e-5 + Math.Abs(sum) * Relative;
            Verify.True(Math.Abs(values[i] - sum) <= allowed, $"{what}: element {i} is {values[i]}, expected {sum}, {Math.Abs(values[i] - sum) / allowed:P0} of what is allowed");
        }
    }
}

/// <summary>Products by cuBLASLt: sizes, types, with and without bias and residual.</summary>
internal static class LinearTable
{
    private const ElementType Single = ElementType.Float32, Half = ElementType.Float16, BFloat = ElementType.BFloat16;

    public static IEnumerable<LinearCase> Cases =>
        from size in new (int Rows, int Columns, int Depth)[] { (1, 1, 1), (1, 64, 96), (15, 16, 17), (16, 32, 64), (65, 48, 80), (130, 24, 200) }
        from c in new[]
        {
            new LinearCase(size.Rows, size.Columns, size.Depth, Single, Single, true, true),
            new LinearCase(size.Rows, size.Columns, size.Depth, Half, Single, true, false),
            new LinearCase(size.Rows, size.Columns, size.Depth, Half, Half, false, true),
            new LinearCase(size.Rows, size.Columns, size.Depth, BFloat, BFloat, true, true),
            new LinearCase(size.Rows, size.Columns, size.Depth, BFloat, Single, false, true),
        }
        select c with { Layout = size.Depth % 8 == 0 ? Layout.Strided : Layout.Dense };
}

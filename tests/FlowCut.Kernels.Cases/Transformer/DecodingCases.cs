using FlowCut.Kernels.Transformer;

namespace FlowCut.Kernels.Cases;

internal static class DecodingOracle
{
    /// <summary>The lowest column of the largest entry; −1 with a NaN or without columns.</summary>
    public static int ArgMax(float[] row) => row.Length == 0 || row.Any(float.IsNaN) ? -1 : Array.IndexOf(row, row.Max());

    public static double[] Softmax(float[] row, double scale, bool logarithm)
    {
        var max = row.Max(v => scale * v);
        if (double.IsInfinity(max)) max = double.NaN;
        var sum = row.Sum(v => Math.Exp(scale * v - max));
        return [.. row.Select(v => logarithm ? scale * v - max - Math.Log(sum) : Math.Exp(scale * v - max) / sum)];
    }

    /// <summary>
    /// Temperature, top-k, top-p, draw, with the whole order written out. Also how near the draw and the crossing of top-p were to
    /// another token, as a share of the sum: nearer than rounding, either answer is right.
    /// </summary>
    public static (int Token, double Margin) Sample(float[] logits, double uniform, double temperature, int topK, double topP)
    {
        var order = Enumerable.Range(0, logits.Length).OrderByDescending(i => logits[i]).ThenBy(i => i).Take(topK > 0 ? topK : logits.Length).ToArray();
        var weights = order.Select(i => Math.Exp((logits[i] - (double)logits[order[0]]) / temperature)).ToArray();
        var margin = double.PositiveInfinity;
        if (topP < 1)
        {
            double target = topP * weights.Sum(), running = 0;
            var kept = 0;
            while (kept < weights.Length && running < target)
            {
                running += weights[kept++];
                margin = Math.Min(margin, Math.Abs(running - target) / target);
            }

            weights = weights[..kept];
        }

        double draw = uniform * weights.Sum(), sum = 0;
        for (var i = 0; i < weights.Length; i++)
        {
            sum += weights[i];
            margin = Math.Min(margin, Math.Abs(sum - draw) / weights.Sum());
            if (sum > draw) return (order[i], margin);
        }

        return (order[weights.Length - 1], margin);
    }
}

internal sealed record ArgMaxCase(int Rows, int Columns, ElementType Type, Layout Layout = default) : KernelCase
{
    public override Prepared Prepare(Workbench bench)
    {
        var values = Numbers.Stored(Numbers.Normal(1, Rows * Columns), Type);
        for (var row = 0; row < Rows && Columns > 8; row++)
        {
            var x = values.AsSpan(row * Columns, Columns);
            if (row % 5 == 1) x[Columns / 2] = x[Columns - 1] = x[3] = 1000;
            if (row % 5 == 2) x[Columns - 2] = float.NaN;
            if (row % 5 == 3) x.Fill(float.NegativeInfinity);
            if (row % 5 == 4) x[7] = float.PositiveInfinity;
        }

        var dx = bench.Matrix(values, Rows, Columns, Type, Layout);
        var index = bench.Output<int>(Rows);
        return new Prepared(
            () => ArgMax.Launch(bench.Kernels, dx, index, bench.Stream),
            what => Verify.Sequence(Enumerable.Range(0, Rows).Select(row => DecodingOracle.ArgMax(values[(row * Columns)..((row + 1) * Columns)])), bench.Read(index), what),
            dx.Bytes);
    }
}

internal sealed record SoftmaxRowsCase(int Rows, int Columns, ElementType X, ElementType Y, bool Logarithm, Layout Layout = default) : KernelCase
{
    private const float Scale = 0.7f;

    public override Prepared Prepare(Workbench bench)
    {
        var values = Numbers.Stored(Numbers.Normal(1, Rows * Columns, 3), X);
        for (var row = 0; row < Rows && Columns > 8; row++)
        {
            var x = values.AsSpan(row * Columns, Columns);
            if (row % 6 == 1) x[..(Columns / 2)].Fill(float.NegativeInfinity);
            if (row % 6 == 2) x[Columns - 2] = float.NaN;
            if (row % 6 == 3) x.Fill(float.NegativeInfinity);
            if (row % 6 == 4) x[7] = float.PositiveInfinity;
            if (row % 6 == 5) x.Fill(-3);
        }

        var dx = bench.Matrix(values, Rows, Columns, X, Layout);
        var y = bench.Matrix(null, Rows, Columns, Y, Layout);
        return new Prepared(
            () => SoftmaxRows.Launch(bench.Kernels, dx, y, Scale, Logarithm, bench.Stream),
            what => Compare(values, bench.Read(y), what),
            dx.Bytes + y.Bytes);
    }

    private void Compare(float[] values, float[] actual, string what)
    {
        var tolerance = Logarithm ? Tolerance.LogSoftmax : Tolerance.Softmax;
        for (var row = 0; row < Rows && Columns > 0; row++)
        {
            var range = (row * Columns)..((row + 1) * Columns);
            var expected = DecodingOracle.Softmax(values[range], Scale, Logarithm);
            // one NaN in the reference is a row of them
            if (expected.Any(double.IsNaN)) Verify.True(actual[range].Any(float.IsNaN), $"{what}: row {row} has no NaN");
            else tolerance.Check(expected, actual[range], Y, $"{what}, row {row}");
        }
    }
}

internal sealed record SampleTopPCase(int Columns, ElementType Type, float Temperature, int TopK, float TopP, double Deviation = 3, Layout Layout = default) : KernelCase
{
    private const int Rows = 24;

    public override Prepared Prepare(Workbench bench)
    {
        // in steps of an eighth, so that many tokens tie
        var logits = Numbers.Stored(Array.ConvertAll(Numbers.Normal(Columns, Rows * Columns, Deviation), v => MathF.Round(v * 8) / 8), Type);
        if (Columns > 8)
        {
            logits[3] = float.NaN;
            logits.AsSpan(Columns, Columns).Fill(float.NegativeInfinity);
            logits.AsSpan(2 * Columns, Columns).Fill(1.5f);
            logits[3 * Columns + 4] = logits[3 * Columns + 5] = float.NegativeInfinity;
        }

        var random = new Random(7);
        var uniforms = Enumerable.Range(0, Rows).Select(i => i switch { 4 => 0, 5 => 1 - Math.ScaleB(1, -53), _ => random.NextDouble() }).ToArray();
        var x = bench.Matrix(logits, Rows, Columns, Type, Layout);
        DeviceArray<double> u = bench.Array(uniforms);
        var index = bench.Output<int>(Rows);
        return new Prepared(
            () => SampleTopP.Launch(bench.Kernels, x, u, index, Temperature, TopK, TopP, bench.Stream),
            what => Compare(logits, uniforms, bench.Read(index), what),
            x.Bytes);
    }

    private void Compare(float[] logits, double[] uniforms, int[] actual, string what)
    {
        for (var row = 0; row < Rows; row++)
        {
            var x = logits[(row * Columns)..((row + 1) * Columns)];
            if (x.Any(float.IsNaN) || x.All(float.IsNegativeInfinity))
            {
                Verify.Equal(-1, actual[row], $"{what}: row {row}");
                continue;
            }

            var (token, margin) = DecodingOracle.Sample(x, uniforms[row], Temperature, TopK, TopP);
            Verify.InRange(actual[row], 0, Columns - 1, $"{what}: row {row}");
            Verify.True(actual[row] == token || margin < 1e-6, $"{what}: row {row} drew {actual[row]}, expected {token} with a margin of {margin:E1}");
        }
    }
}

internal sealed record LinearVectorCase(int Rows, int Inputs, int Outputs, ElementType X, ElementType Weight, ElementType Y, ActivationKind Activation = ActivationKind.None, bool Extras = false, Layout Layout = default) : KernelCase
{
    public override Prepared Prepare(Workbench bench)
    {
        float[] x = Numbers.Stored(Numbers.Normal(1, Rows * Inputs), X), w = Numbers.Stored(Numbers.Normal(2, Outputs * Inputs, 0.02), Weight);
        float[] bias = Numbers.Stored(Numbers.Normal(3, Outputs), Y), residual = Numbers.Stored(Numbers.Normal(4, Rows * Outputs), Y);
        DeviceMatrix dx = bench.Matrix(x, Rows, Inputs, X, Layout), dw = bench.Matrix(w, Outputs, Inputs, Weight, Layout);
        DeviceMatrix? b = Extras ? bench.Matrix(bias, 1, Outputs, Y, Layout) : null;
        DeviceMatrix? r = Extras ? bench.Matrix(residual, Rows, Outputs, Y, Layout) : null;
        var y = r ?? bench.Matrix(null, Rows, Outputs, Y, Layout);
        return new Prepared(
            () => LinearVector.Launch(bench.Kernels, dx, dw, b, r, y, Activation, bench.Stream),
            what => Tolerance.LinearVector.Check([.. Expected(x, w, bias, residual)], bench.Read(y), Y, what),
            dw.Bytes);
    }

    private IEnumerable<double> Expected(float[] x, float[] w, float[] bias, float[] residual)
    {
        for (var row = 0; row < Rows; row++)
        {
            for (var output = 0; output < Outputs; output++)
            {
                var sum = 0.0;
                for (var i = 0; i < Inputs; i++) sum += (double)x[row * Inputs + i] * w[output * Inputs + i];
                yield return ActivationOracle.Apply(Activation, sum + (Extras ? bias[output] : 0)) + (Extras ? residual[row * Outputs + output] : 0);
            }
        }
    }
}

/// <summary>Arg-max, softmax, sampling, products with a vector.</summary>
internal static class DecodingTable
{
    private const ElementType Single = ElementType.Float32, Half = ElementType.Float16, BFloat = ElementType.BFloat16;
    private static readonly ElementType[] s_types = [Single, Half, BFloat];

    public static IEnumerable<KernelCase> Cases =>
    [
        .. from columns in new[] { 0, 1, 15, 17, 64, 1000, 9001 } select new ArgMaxCase(5, columns, Single),
        .. from type in s_types select new ArgMaxCase(10, 2881, type, Layout.Misaligned),
        new ArgMaxCase(0, 10, Single),
        .. from columns in new[] { 0, 1, 16, 17, 65, 577, 2881 } from logarithm in new[] { false, true } select new SoftmaxRowsCase(6, columns, Single, Single, logarithm),
        .. from type in s_types from logarithm in new[] { false, true } select new SoftmaxRowsCase(12, 100, type, type, logarithm, Layout.Misaligned),
        .. from inputs in new[] { 1, 8, 72, 1024, 2200 } select new LinearVectorCase(1, inputs, 5, Half, Half, Single),
        .. from rows in new[] { 0, 1, 2, 3, 4 } from type in s_types select new LinearVectorCase(rows, 520, 33, type, type, type, ActivationKind.Silu, Extras: true),
        .. from type in s_types select new LinearVectorCase(2, 333, 17, Single, type, Single, Extras: true, Layout: Layout.Misaligned),
        new LinearVectorCase(1, 64, 4000, Half, Half, Half, Layout: Layout.Strided),
    ];

    public static IEnumerable<SampleTopPCase> Samples =>
    [
        new SampleTopPCase(1, Single, 1, 0, 1),
        new SampleTopPCase(10, Single, 1, 3, 1),
        new SampleTopPCase(1000, Single, 0.7f, 0, 1),
        new SampleTopPCase(1000, Single, 1, 50, 0.9f),
        new SampleTopPCase(3000, Half, 1.3f, 0, 0.8f, 1, Layout.Misaligned),
        new SampleTopPCase(3000, BFloat, 0.2f, 2000, 0.99f, 2),
    ];
}

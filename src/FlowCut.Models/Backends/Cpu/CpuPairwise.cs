using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FlowCut.Models.Backends.Cpu;

/// <summary>Products, cosines or distances between the rows of two matrices.</summary>
internal sealed unsafe class CpuPairwise(CpuThreadPool pool, int lanes) : IParallelJob
{
    private PairMeasure _measure;
    private CpuView _x, _y, _result;
    private RowBlocks _blocks;
    private double[] _norms = [];

    /// <exception cref="ArgumentException">Shapes disagree.</exception>
    public void Run(PairMeasure measure, CpuView x, CpuView y, CpuView result)
    {
        (_measure, _x, _y, _result) = (measure, x, y, result);
        if (measure == PairMeasure.Cosine)
        {
            if (_norms.Length < y.Rows) _norms = new double[y.Rows];
            for (var i = 0; i < y.Rows; i++) _norms[i] = Norm(y.Row(i), y.Columns);
        }

        _blocks = new RowBlocks(x.Rows, (int)Math.Min(int.MaxValue, (long)y.Rows * x.Columns));
        pool.Run(this, _blocks.Count);
    }

    /// <summary>‖x‖.</summary>
    public static double Norm(float* x, int n) => Math.Sqrt(LaneRow.Dot<Lanes256>(x, x, n));

    /// <summary>product/(first·second); 0 where a norm is 0.</summary>
    public static float Cosine(float product, double first, double second) => first * second is var norms && norms > 0 ? (float)(product / norms) : (float)norms;

    /// <summary>Products become cosines: <see cref="Cosine"/> of each, four at a time.</summary>
    private static void Cosines(Span<float> products, double first, double[] seconds)
    {
        var j = 0;
        for (; j + 4 <= products.Length; j += 4)
        {
            var four = Vector128.Create<float>(products[j..]);
            var norms = Vector256.Create(first) * Vector256.Create(seconds, j);
            var quotients = Vector256.Create(Vector128.WidenLower(four), Vector128.WidenUpper(four)) / norms;
            var cosines = Vector256.ConditionalSelect(Vector256.GreaterThan(norms, Vector256<double>.Zero), quotients, norms);
            Vector128.Narrow(cosines.GetLower(), cosines.GetUpper()).CopyTo(products[j..]);
        }

        for (; j < products.Length; j++) products[j] = Cosine(products[j], first, seconds[j]);
    }

    void IParallelJob.Run(int index, int worker)
    {
        switch (lanes)
        {
            case 16: Block<Lanes512>(index); break;
            case 8: Block<Lanes256>(index); break;
            default: Block<Lanes128>(index); break;
        }
    }

    private void Block<T>(int index)
        where T : struct, ILanes<T>
    {
        for (var i = _blocks.Start(index); i < _blocks.End(index); i++)
        {
            var row = _x.Row(i);
            var result = _result.RowSpan(i);
            if (_measure == PairMeasure.SquaredDistance)
            {
                for (var j = 0; j < result.Length; j++) result[j] = SquaredDistance<T>(row, _y.Row(j), _x.Columns);
                continue;
            }

            Products<T>(row, _y, result);
            if (_measure != PairMeasure.Cosine) continue;
            Cosines(result, Norm(row, _x.Columns), _norms);
        }
    }

    /// <summary>x·y for every row of y.</summary>
    public static void Products<T>(float* x, CpuView y, Span<float> products)
        where T : struct, ILanes<T>
    {
        var j = 0;
        for (; j + 4 <= products.Length; j += 4)
        {
            var four = LaneRow.DotFour<T>(x, y.Row(j), y.Stride, y.Columns);
            for (var k = 0; k < 4; k++) products[j + k] = four[k];
        }

        for (; j < products.Length; j++) products[j] = LaneRow.Dot<T>(x, y.Row(j), y.Columns);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float SquaredDistance<T>(float* x, float* y, int n)
        where T : struct, ILanes<T>
    {
        T even = T.All(0), odd = T.All(0);
        var i = 0;
        for (; i + 2 * T.Count <= n; i += 2 * T.Count)
        {
            T a = T.Load(x + i) - T.Load(y + i), b = T.Load(x + i + T.Count) - T.Load(y + i + T.Count);
            even = T.MultiplyAdd(a, a, even);
            odd = T.MultiplyAdd(b, b, odd);
        }

        var sum = T.Sum(even + odd);
        for (; i < n; i++) sum += (x[i] - y[i]) * (x[i] - y[i]);
        return sum;
    }
}

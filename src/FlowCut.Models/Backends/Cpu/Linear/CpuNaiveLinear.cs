using System.Runtime.CompilerServices;
using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Backends.Cpu.Linear;

/// <summary>y = activation(x·Wᵀ + bias) + residual, output by output.</summary>
internal sealed unsafe class CpuNaiveLinear(CpuThreadPool pool) : IParallelJob
{
    private CpuView _x, _y;
    private CpuView? _bias, _residual;
    private CpuMatrix? _weight;
    private Activation _activation;

    public void Run(CpuView x, CpuMatrix weight, CpuView? bias, Activation activation, CpuView? residual, CpuView y)
    {
        (_x, _weight, _bias, _activation, _residual, _y) = (x, weight, bias, activation, residual, y);
        pool.Run(this, weight.Rows);
    }

    void IParallelJob.Run(int index, int worker)
    {
        var w = new float[_x.Columns];
        var row = _weight!.Row(index);
        for (var k = 0; k < w.Length; k++)
        {
            w[k] = _weight.Type switch
            {
                StoredType.Float32 => Unsafe.ReadUnaligned<float>(row + 4L * k),
                StoredType.Float16 => (float)BitConverter.UInt16BitsToHalf(Unsafe.ReadUnaligned<ushort>(row + 2L * k)),
                _ => BitConverter.UInt32BitsToSingle((uint)Unsafe.ReadUnaligned<ushort>(row + 2L * k) << 16),
            };
        }

        for (var i = 0; i < _x.Rows; i++)
        {
            var sum = 0f;
            for (var k = 0; k < w.Length; k++) sum += _x.Row(i)[k] * w[k];
            if (_bias is { } bias) sum += bias.Data[index];
            sum = _activation switch
            {
                Activation.QuickGelu => sum / (1 + MathF.Exp(-1.702f * sum)),
                Activation.Gelu => Gelu(sum),
                _ => sum,
            };
            if (_residual is { } residual) sum += residual.Row(i)[index];
            _y.Row(i)[index] = sum;
        }
    }

    /// <summary>x·Φ(x), Φ by its series around 0; beyond 6 it is 0 or 1 in fp32.</summary>
    private static float Gelu(double x)
    {
        if (Math.Abs(x) > 6) return x > 0 ? (float)x : 0;
        double term = x, sum = x;
        for (var k = 1; k < 100; k++)
        {
            term *= x * x / (2 * k + 1);
            sum += term;
        }

        return (float)(x * (0.5 + sum * Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI)));
    }
}

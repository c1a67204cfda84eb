using System.Runtime.CompilerServices;

namespace FlowCut.Models.Backends.Cpu.Linear;

internal interface ICpuGemm : IDisposable
{
    void Run(in LinearArguments arguments);
}

/// <summary>
/// y = activation(x·Wᵀ + bias) + residual for many rows, block by block of <see cref="GemmBlocks.ActivationRows"/>. A block of x is
/// packed once for all threads and stays near them, whatever the number of rows; each part of work widens its weight
/// rows to fp32 step by step of <see cref="GemmBlocks.Depth"/> and adds up a transposed block of y, which its last step finishes and
/// writes. The order of the sums depends on the shape alone.
/// </summary>
internal sealed unsafe class CpuGemm<TTile>(CpuThreadPool pool) : ICpuGemm
    where TTile : struct, IGemmTile
{
    private readonly CpuScratch _packed = new();
    private readonly CpuScratch[] _weights = CpuScratch.ForWorkers(pool), _blocks = CpuScratch.ForWorkers(pool);
    private readonly PackJob _pack = new();
    private readonly MultiplyJob _multiply = new();

    public void Run(in LinearArguments arguments)
    {
        var steps = Math.Max(1, (arguments.Weight.Columns + GemmBlocks.Depth - 1) / GemmBlocks.Depth);
        // of about the same size: a small one at the end would cost a whole pass over the weights too
        var blocks = (arguments.X.Rows + GemmBlocks.ActivationRows - 1) / GemmBlocks.ActivationRows;
        var rows = ((arguments.X.Rows + blocks - 1) / blocks + TTile.Lanes - 1) / TTile.Lanes * TTile.Lanes;
        for (var first = 0; first < arguments.X.Rows; first += rows)
        {
            var block = arguments.SliceRows(first, Math.Min(rows, arguments.X.Rows - first));
            var panels = (block.X.Rows + TTile.Lanes - 1) / TTile.Lanes;
            var packed = (float*)_packed.Rent((long)steps * panels * GemmBlocks.Depth * TTile.Lanes * sizeof(float));
            _pack.X = block.X;
            _pack.Packed = packed;
            _pack.Panels = panels;
            pool.Run(_pack, panels);

            _multiply.Arguments = block;
            _multiply.Packed = packed;
            _multiply.Panels = panels;
            _multiply.Weights = _weights;
            _multiply.Blocks = _blocks;
            pool.Run(_multiply, _multiply.Parts);
        }

        _multiply.Arguments = default;
    }

    public void Dispose()
    {
        _packed.Dispose();
        foreach (var scratch in _weights) scratch.Dispose();
        foreach (var scratch in _blocks) scratch.Dispose();
    }

    /// <summary>Panels of x: [step][panel][k][lane]; lanes beyond the last row hold zeros.</summary>
    private sealed class PackJob : IParallelJob
    {
        public CpuView X;
        public float* Packed;
        public int Panels;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Run(int panel, int worker)
        {
            var first = panel * TTile.Lanes;
            var valid = Math.Min(TTile.Lanes, X.Rows - first);
            for (var start = 0; start < X.Columns; start += GemmBlocks.Depth)
            {
                var depth = Math.Min(GemmBlocks.Depth, X.Columns - start);
                var destination = Packed + ((long)(start / GemmBlocks.Depth) * Panels + panel) * GemmBlocks.Depth * TTile.Lanes;
                if (valid < TTile.Lanes) new Span<float>(destination, depth * TTile.Lanes).Clear();
                var lane = 0;
                for (; lane <= valid - 4; lane += 4) Transpose.FourRows(X.Row(first + lane) + start, X.Stride, depth, destination + lane, TTile.Lanes);
                for (; lane < valid; lane++)
                {
                    var row = X.Row(first + lane) + start;
                    for (var k = 0; k < depth; k++) destination[k * TTile.Lanes + lane] = row[k];
                }
            }
        }
    }

    /// <summary>Part j: weight rows of block j for all rows of x.</summary>
    private sealed class MultiplyJob : IParallelJob
    {
        public LinearArguments Arguments;
        public float* Packed;
        public int Panels;
        public CpuScratch[] Weights = [], Blocks = [];

        public int Parts => (Arguments.Weight.Rows + GemmBlocks.WeightRows - 1) / GemmBlocks.WeightRows;

        public void Run(int index, int worker)
        {
            var firstColumn = index * GemmBlocks.WeightRows;
            var columns = Math.Min(GemmBlocks.WeightRows, Arguments.Weight.Rows - firstColumn);
            // an odd number of cache lines between rows keeps them from competing for the same sets
            var stride = Panels * TTile.Lanes + 16;
            var block = (float*)Blocks[worker].Rent((long)GemmBlocks.WeightRows * stride * sizeof(float));
            Multiply(firstColumn, columns, block, stride, worker);
            GemmEpilogue.Finish(Arguments, firstColumn, columns, block, stride);
        }

        private void Multiply(int firstColumn, int columns, float* block, int stride, int worker)
        {
            var weight = Arguments.Weight;
            var weights = (float*)Weights[worker].Rent((long)GemmBlocks.WeightRows * GemmBlocks.Depth * sizeof(float));
            var tiles = (columns + TTile.Rows - 1) / TTile.Rows;
            for (var start = 0; start < weight.Columns; start += GemmBlocks.Depth)
            {
                var depth = Math.Min(GemmBlocks.Depth, weight.Columns - start);
                for (var column = 0; column < columns; column++)
                    WeightRow.Widen(weight.Row(firstColumn + column) + (long)start * weight.ElementSize, weight.Type, weights + column * GemmBlocks.Depth, depth);
                for (var column = columns; column < tiles * TTile.Rows; column++)
                    new Span<float>(weights + column * GemmBlocks.Depth, depth).Clear();

                for (var panel = 0; panel < Panels; panel++)
                {
                    var x = Packed + ((long)(start / GemmBlocks.Depth) * Panels + panel) * GemmBlocks.Depth * TTile.Lanes;
                    var half = Arguments.X.Rows - panel * TTile.Lanes <= TTile.Lanes / 2;
                    for (var tile = 0; tile < tiles; tile++)
                    {
                        var w = weights + tile * TTile.Rows * GemmBlocks.Depth;
                        var t = block + (long)tile * TTile.Rows * stride + panel * TTile.Lanes;
                        if (half) TTile.RunHalf(w, x, depth, t, stride, start > 0);
                        else TTile.Run(w, x, depth, t, stride, start > 0);
                    }
                }
            }

            // no columns to sum over: the products are 0
            if (weight.Columns == 0) new Span<float>(block, GemmBlocks.WeightRows * stride).Clear();
        }
    }
}

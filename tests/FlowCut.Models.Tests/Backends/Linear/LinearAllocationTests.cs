using FlowCut.Models.Backends;
using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Tests.Backends.Linear;

/// <summary>Runs by itself: it counts what the whole process allocates, the backend's own threads included.</summary>
[CollectionDefinition(nameof(AloneInTheProcess), DisableParallelization = true)]
public class AloneInTheProcess;

[Collection(nameof(AloneInTheProcess))]
public class LinearAllocationTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 3)]
    [InlineData(40, 1)]
    [InlineData(40, 3)]
    public void Steady_state_allocates_nothing_on_any_thread(int rows, int workers)
    {
        const int columns = 300, depth = 513;
        using var stored = new StoredWeights();
        using var w = new Workspace(workers);
        var matrices = new[] { StoredType.Float32, StoredType.Float16, StoredType.BFloat16 }
            .Select(type => w.Backend.LoadMatrix(stored.Matrix(TestData.Normal(1, columns * depth), columns, depth, type))).ToArray();
        Tensor x = w.Input(TestData.Normal(2, rows * depth), rows, depth), bias = w.Input(TestData.Normal(3, columns), 1, columns),
            residual = w.Input(TestData.Normal(4, rows * columns), rows, columns), y = w.Output(rows, columns);
        w.CheckNoAllocation(_ => Multiply());

        // the runtime itself allocates now and then, so the smallest of a few counts is what the calls allocate
        var smallest = long.MaxValue;
        for (var attempt = 0; attempt < 10; attempt++)
        {
            var before = GC.GetTotalAllocatedBytes(precise: true);
            for (var i = 0; i < 10; i++) Multiply();
            smallest = Math.Min(smallest, GC.GetTotalAllocatedBytes(precise: true) - before);
        }

        Assert.Equal(0, smallest);

        void Multiply()
        {
            foreach (var matrix in matrices) w.Backend.Linear(x, matrix, bias, Activation.QuickGelu, residual, y);
        }
    }
}

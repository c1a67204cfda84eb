using FlowCut.Interop;
using FlowCut.Kernels;
using FlowCut.Kernels.Pruning;

namespace EmbeddedKernels;

/// <summary>
/// One pruning event of FlowCut for an encoder of one's own: scores from what its attention exports, then the survivors'
/// indices, all on its own stream. The host waits for nothing in between.
/// </summary>
public static class FlowStep
{
    /// <summary>The rows that survive: the class token, which is row 0, and the best patches, ascending.</summary>
    public static int[] Keep(NativeCuda cuda, OtherLibrary owner, int patches, int keep)
    {
        ArgumentNullException.ThrowIfNull(owner);
        var rows = patches + 1;
        // what an encoder layer would bring: log-probabilities of the class row, products and density of the values; here made up
        var logits = Enumerable.Range(0, rows).Select(i => MathF.Log((1f + (i * 7) % rows) / (rows * (rows + 1) / 2f))).ToArray();
        var ones = Enumerable.Repeat(1f, rows).ToArray();
        DeviceArray<int> offsets = new(owner.Allocate([0, rows]), 2), kept = new(owner.Allocate(new int[rows]), rows), newOffsets = new(owner.Allocate(new int[2]), 2);
        DeviceArray<float> density = new(owner.Allocate(ones), rows), cumulative = new(owner.Allocate(new float[rows]), rows), entropy = new(owner.Allocate(new float[1]), 1);

        using var context = CudaContext.Borrow(cuda, owner.Context);
        using var stream = CudaStream.Borrow(context, owner.Stream);
        using var kernels = new KernelContext(context);
        FlowScore.Launch(kernels, new FlowScoreArguments
        {
            LogProbabilities = new DeviceMatrix(owner.Allocate(logits), ElementType.Float32, 1, rows),
            Products = new DeviceMatrix(owner.Allocate(ones), ElementType.Float32, 1, rows),
            Density = density,
            Offsets = offsets,
            MaxPatches = patches,
            HasClass = true,
            Criteria = FlowCriteria.All,
            SemanticScale = 1,
            Cumulative = cumulative,
            EntropyRatios = entropy,
        }, stream);
        FlowSelect.Launch(kernels, new FlowSelectArguments
        {
            Cumulative = cumulative,
            Offsets = offsets,
            MaxPatches = patches,
            HasClass = true,
            KeepAll = keep,
            Rows = kept,
            NewOffsets = newOffsets,
        }, stream);
        return owner.Read<int>(kept.Pointer, owner.Read<int>(newOffsets.Pointer, 2)[1]);
    }
}

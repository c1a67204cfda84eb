using FlowCut.Kernels.Cases;
using FlowCut.Kernels.Tests.Operations;
using FlowCut.Kernels.Transformer;

namespace FlowCut.Kernels.Tests.Transformer;

[Collection(DeviceCollection.Name)]
public class RowMovingTests
{
    private const ElementType Single = ElementType.Float32, Half = ElementType.Float16, BFloat = ElementType.BFloat16;

    [Fact]
    public void Every_case_agrees_with_the_oracle() => RowMovingTable.Cases.CheckOnEachDevice();

    [Fact]
    public void The_oracle_takes_patches_in_raster_order_channel_by_channel()
    {
        // two channels of 2×4, patches of 2×2, one column of padding
        float[] pixels = [0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17];
        Assert.Equal([0, 1, 4, 5, 10, 11, 14, 15, 0, 2, 3, 6, 7, 12, 13, 16, 17, 0], ImageToPatchesOracle.Patches(pixels, 2, 2, 4, 2, 9));
    }

    [Fact]
    public void A_picture_smaller_than_a_patch_and_rows_too_short_for_a_patch_are_refused()
    {
        foreach (var device in TestDevice.Available())
        {
            using var bench = new Workbench(device);
            DeviceMatrix pixels = bench.Matrix(null, 1, 3 * 28 * 28, Single), patches = bench.Matrix(null, 4, 587, Half);
            Assert.Throws<ArgumentException>(() => ImageToPatches.Launch(bench.Kernels, pixels, patches, 3, 28, 28, 14, bench.Stream));
            Assert.Throws<ArgumentException>(() => ImageToPatches.Launch(bench.Kernels, pixels, patches, 3, 28, 28, 29, bench.Stream));
        }
    }
}

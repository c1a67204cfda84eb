using System.Runtime.InteropServices;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Transformer;

/// <summary>The patches of pictures as rows, in the column order (channel, row, column) of a convolution's weight, so that a GEMM does the patch embedding.</summary>
public static class ImageToPatches
{
    /// <summary>CLIP's and SigLIP's.</summary>
    private static readonly int[] s_patchSizes = [14, 16];

    /// <summary>Enqueues the operation. Allocates nothing once the kernel is loaded, waits for nothing.</summary>
    /// <param name="kernels">Where the kernel is loaded.</param>
    /// <param name="pixels">[pictures, channels·height·width]: each picture dense, row by row, channel by channel.</param>
    /// <param name="patches">
    /// [pictures·⌊height/p⌋·⌊width/p⌋, columns], picture by picture in raster order, apart from <paramref name="pixels"/>; columns beyond
    /// channels·p·p become 0 (a GEMM likes a multiple of 8).
    /// </param>
    /// <param name="channels">Channels of a picture.</param>
    /// <param name="height">At least the patch size; rows below the last whole patch are not used.</param>
    /// <param name="width">At least the patch size; columns behind the last whole patch are not used.</param>
    /// <param name="patchSize">p.</param>
    /// <param name="stream">A stream of the same context.</param>
    /// <exception cref="ArgumentException">Sizes, shapes, strides or alignments do not fit, views overlap, or the stream belongs to another context.</exception>
    /// <exception cref="FlowCut.Interop.NativeCudaException">A native call fails.</exception>
    /// <exception cref="ContextLostException">The context was lost before.</exception>
    public static void Launch(KernelContext kernels, DeviceMatrix pixels, DeviceMatrix patches, int channels, int height, int width, int patchSize, CudaStream stream)
    {
        ArgumentNullException.ThrowIfNull(kernels);
        ArgumentNullException.ThrowIfNull(stream);
        var ofPicture = PatchesOfPicture(height, width, patchSize);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(channels);
        Require.Shape(pixels, pixels.Rows, Require.Product(channels, Require.Product(height, width, nameof(height)), nameof(channels)));
        Require.Shape(patches, Require.Product(pixels.Rows, ofPicture, nameof(pixels)), patches.Columns);
        if (patches.Columns < channels * patchSize * patchSize)
            throw new ArgumentException($"A patch has {channels * patchSize * patchSize} values; the rows of {nameof(patches)} hold {patches.Columns}.", nameof(patches));
        Require.Disjoint(pixels, patches);
        if (patches.IsEmpty) return;

        var variant = Plan(pixels, patches, patchSize);
        var args = new ImageToPatchesArgs
        {
            Pixels = pixels.Pointer,
            Patches = patches.Pointer,
            PictureStride = pixels.RowStride,
            PatchStride = patches.RowStride,
            Rows = patches.Rows,
            Columns = patches.Columns,
            Channels = channels,
            Height = height,
            Width = width,
            PatchesOfPicture = ofPicture,
        };
        var tile = new RowTile(1, RowTile.Threads, 1);
        kernels.Load(variant).Launch(args, tile.Grid(patches.Rows, patches.Columns), RowTile.Threads, stream);
    }

    internal static ImageToPatchesVariant Plan(in DeviceMatrix pixels, in DeviceMatrix patches, int patchSize) => new(pixels.Type, patches.Type, patchSize);

    internal static IEnumerable<ImageToPatchesVariant> Variants =>
        from type in Enum.GetValues<ElementType>()
        from patchSize in s_patchSizes
        select new ImageToPatchesVariant(ElementType.Float32, type, patchSize);

    private static int PatchesOfPicture(int height, int width, int patchSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(patchSize);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        if (height < patchSize || width < patchSize)
            throw new ArgumentException($"A picture of {width}×{height} has no patch of {patchSize}×{patchSize}.", nameof(patchSize));
        return Require.Product(height / patchSize, width / patchSize, nameof(height));
    }
}

internal readonly record struct ImageToPatchesVariant(ElementType X, ElementType Y, int PatchSize) : IKernelVariant<ImageToPatchesVariant>
{
    public string Source => "transformer/image_to_patches.cu";

    public string Entry => "fc_image_to_patches";

    public string ConfigName => "config/image_to_patches.cuh";

    public int SharedBytes => 0;

    public void WriteConfig(ConfigWriter config) =>
        config.Type("X", X).Type("Y", Y).Constant("kPatch", PatchSize).Constant("kThreads", RowTile.Threads).Constant("kRowThreads", RowTile.Threads);
}

[StructLayout(LayoutKind.Sequential)]
internal struct ImageToPatchesArgs
{
    public nint Pixels;
    public nint Patches;
    public long PictureStride;
    public long PatchStride;
    public int Rows;
    public int Columns;
    public int Channels;
    public int Height;
    public int Width;
    public int PatchesOfPicture;
}

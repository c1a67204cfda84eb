namespace FlowCut.Kernels;

/// <summary>Blocks of a launch in each dimension, at least one each.</summary>
internal readonly record struct GridSize(int X, int Y = 1, int Z = 1)
{
    /// <summary>The blocks that cover <paramref name="items"/> at <paramref name="perBlock"/> each.</summary>
    public static int Blocks(long items, int perBlock)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(items);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(perBlock);
        var blocks = items / perBlock + (items % perBlock == 0 ? 0 : 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(blocks, int.MaxValue, nameof(items));
        return (int)blocks;
    }

    /// <summary>Refuses what the device cannot launch.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A dimension is not positive or beyond the device's limit.</exception>
    public void Check(DeviceInfo device)
    {
        Check(X, device.MaxGridX, nameof(X));
        Check(Y, device.MaxGridY, nameof(Y));
        Check(Z, device.MaxGridZ, nameof(Z));
    }

    private static void Check(int blocks, int limit, string dimension)
    {
        if (blocks < 1 || blocks > limit)
            throw new ArgumentOutOfRangeException(nameof(blocks), blocks, $"Dimension {dimension} of the grid needs 1 to {limit} blocks on this device: the operation is too large for one launch.");
    }
}

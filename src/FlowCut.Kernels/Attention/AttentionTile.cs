using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Transformer;

/// <summary>
/// How attention on tensor cores divides the work: a block takes Warps·RowTiles·16 query rows of one head and goes through the
/// keys in tiles.
/// </summary>
/// <param name="Warps">Warps of a block.</param>
/// <param name="RowTiles">Tiles of 16 query rows of each warp. Two halve the reading of shared memory for each product, and fill the registers.</param>
/// <param name="Keys">Keys of a tile.</param>
/// <param name="HoldQuery">The query stays in registers; otherwise it is read again from shared memory for each tile of keys.</param>
/// <param name="BlocksPerSm">Blocks for which the compiler has to leave registers.</param>
internal readonly record struct AttentionTile(int Warps, int RowTiles, int Keys, bool HoldQuery, int BlocksPerSm)
{
    /// <summary>Tiles of keys and values in shared memory: one is multiplied while the next is copied.</summary>
    public const int Stages = 2;

    public int Rows => Warps * RowTiles * 16;

    public int Threads => Warps * 32;

    /// <summary>For few blocks: more of them share the device than with <see cref="Large"/>.</summary>
    /// <param name="paddedSize">Head size, rounded up to 16.</param>
    /// <param name="roomy">A multiprocessor has at least 160 KB of shared memory: two blocks with the longer tiles fit.</param>
    public static AttentionTile Small(int paddedSize, bool roomy) =>
        new(4, 1, roomy || paddedSize <= 64 ? 64 : 32, true, paddedSize <= 64 ? 3 : 2);

    /// <summary>For many blocks: keys and values are read from memory half as often as with <see cref="Small"/>.</summary>
    /// <param name="paddedSize">Head size, rounded up to 16.</param>
    /// <param name="roomy">A multiprocessor has at least 160 KB of shared memory.</param>
    public static AttentionTile Large(int paddedSize, bool roomy) => paddedSize switch
    {
        <= 64 => new AttentionTile(4, 2, 64, false, 2),
        <= 80 => new AttentionTile(4, 2, 32, true, 2),
        <= 96 => new AttentionTile(4, 2, 32, false, 2),
        // two tiles of rows do not fit the registers any more
        _ => new AttentionTile(8, 1, roomy ? 64 : 32, true, 1),
    };

    public int SharedBytes(int paddedSize) => paddedSize * sizeof(ushort) * (Rows + 2 * Stages * Keys);

    public void WriteConfig(ConfigWriter config) => config
        .Constant("kWarps", Warps).Constant("kRowTiles", RowTiles).Constant("kKeys", Keys).Constant("kStages", Stages)
        .Constant("kHoldQuery", HoldQuery).Constant("kBlocksPerSm", BlocksPerSm);
}

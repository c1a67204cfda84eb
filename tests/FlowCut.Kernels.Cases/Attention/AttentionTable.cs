using FlowCut.Kernels.Transformer;

namespace FlowCut.Kernels.Cases;

/// <summary>Attention with and without exported rows: shapes, row counts, head sizes, exports, special numbers.</summary>
internal static class AttentionTable
{
    private const ElementType Single = ElementType.Float32, Half = ElementType.Float16, BFloat = ElementType.BFloat16;
    private const int None = ExportedRows.None;

    public static IEnumerable<AttentionCase> Cases => Shapes.Concat(Rows).Concat(Heads).Concat(Exports).Concat(Special);

    private static IEnumerable<AttentionCase> Shapes =>
        from type in new[] { Half, Single }
        from c in new[]
        {
            new AttentionCase("no rows", type, [0, 0], [0, 0], 2, 2, 64),
            new AttentionCase("no sequences", type, [0], [0], 2, 2, 64),
            new AttentionCase("no keys", type, [0, 3], [0, 0], 2, 2, 64) { Exports = [[1]] },
            new AttentionCase("an empty sequence between two", type, [0, 3, 3, 20], [0, 3, 3, 20], 2, 2, 64) { Slack = 200 },
            new AttentionCase("an encoder's picture", type, [0, 577], [0, 577], 1, 1, 64) { Exports = [[0]], Packed = true },
            new AttentionCase("sequences of different length", type, [0, 1, 66, 195, 211], [0, 1, 66, 195, 211], 3, 3, 64) { Exports = [[0], [0], [64], [-1]], Packed = true },
            new AttentionCase("prefill", type, [0, 70], [0, 70], 2, 2, 128, Causal: true) { Exports = [[-1]] },
            new AttentionCase("prefill behind cached keys", type, [0, 33], [0, 210], 4, 2, 64, Causal: true) { Exports = [[32, 0]] },
            new AttentionCase("batch behind caches of different length", type, [0, 17, 20, 85], [0, 90, 93, 301], 4, 1, 64, Causal: true),
            new AttentionCase("long cache", type, [0, 17], [0, 2881], 2, 1, 64, Causal: true) { Exports = [[-1]] },
            new AttentionCase("more queries than keys", type, [0, 40], [0, 9], 2, 2, 64, Causal: true) { Exports = [[35, 3]] },
            new AttentionCase("one row", type, [0, 1], [0, 37], 3, 3, 64),
        }
        select c;

    private static IEnumerable<AttentionCase> Rows =>
        from n in new[] { 1, 2, 15, 16, 17, 31, 33, 63, 64, 65, 127, 129 }
        from causal in new[] { false, true }
        select new AttentionCase($"{n} rows{(causal ? ", causal" : "")}", n % 2 == 0 ? BFloat : Half, [0, n], [0, n], 1, 1, 64, causal) { Exports = [[n / 2]] };

    private static IEnumerable<AttentionCase> Heads =>
        from type in new[] { Half, BFloat, Single }
        from size in new[] { 1, 8, 16, 20, 32, 64, 72, 80, 96, 128 }
        from layout in new[] { Layout.Strided, Layout.Misaligned }
        select new AttentionCase($"head size {size}, {(layout == Layout.Strided ? "strided" : "misaligned")}", type, [0, 67], [0, 75], 2, 1, size, Causal: true) { Exports = [[-2]], Layout = layout };

    private static IEnumerable<AttentionCase> Exports =>
        from type in new[] { Half, Single }
        from c in new[]
        {
            new AttentionCase("several rows, one of them twice", type, [0, 150], [0, 150], 2, 2, 64) { Exports = [[0, 77, -1, 77, None, 16, 149, 8]] },
            new AttentionCase("rows that do not exist", type, [0, 20], [0, 20], 1, 1, 64) { Exports = [[20, -21, int.MaxValue, None]] },
            new AttentionCase("several rows, causal", type, [0, 150], [0, 190], 2, 1, 80, Causal: true) { Exports = [[0, 77, -1, 149, 9, 15]] },
        }
        select c;

    private static IEnumerable<AttentionCase> Special =>
        from type in new[] { Half, BFloat, Single }
        from numbers in Enum.GetValues<AttentionNumbers>()
        select new AttentionCase($"{numbers}", type, [0, 70], [0, 70], 2, 2, 64) { Exports = [[0, 1, 2, 3]], Numbers = numbers };

    /// <summary>Enough heads that the plan takes large blocks on every device.</summary>
    public static IEnumerable<AttentionCase> LargeBlocks =>
        from size in new[] { 64, 80, 96, 128 }
        select new AttentionCase($"many heads of {size}", size == 96 ? BFloat : Half, [0, 130], [0, 140], 170, 170, size, Causal: true) { Exports = [[0, 129]] };
}

namespace FlowCut.Models.Backends.Cpu;

/// <summary>What an export wants of the values: products with the exported token's value, squared norms, information density. One reading of the values.</summary>
internal static unsafe class AttentionValues
{
    public static void Run<T>(in AttentionPass pass, int first, int end, CpuScratch scratch)
        where T : struct, ILanes<T>
    {
        var mean = (float*)scratch.Rent(pass.HeadSize * sizeof(float));
        var sequence = 0;
        for (var row = first; row < end; row++)
        {
            while (row >= pass.Keys.Offsets[sequence + 1]) sequence++;
            var exported = pass.Value.Row(pass.Keys.Start(sequence) + pass.ValueRow(sequence));
            Row<T>(pass, exported, row, mean);
        }
    }

    private static void Row<T>(in AttentionPass pass, float* exported, int row, float* total)
        where T : struct, ILanes<T>
    {
        var size = pass.HeadSize;
        var value = pass.Value.Row(row);
        new Span<float>(total, size).Clear();
        for (var head = 0; head < pass.KeyValueHeads; head++)
        {
            pass.ValueProducts.Row(head)[row] = LaneRow.Dot<T>(exported + head * size, value + head * size, size);
            LaneRow.AddScaled<T>(value + head * size, 1, total, size);
        }

        pass.ValueSquaredNorms.Data[row] = LaneRow.Dot<T>(value, value, pass.KeyValueHeads * size);
        pass.ValueDensity.Data[row] = LaneRow.SumOfMagnitudes<T>(total, size) / pass.KeyValueHeads;
    }
}

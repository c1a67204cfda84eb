namespace FlowCut.Models.Backends.Cpu;

/// <summary>
/// Attention of a block of query rows of one head, one block of keys after the other (flash attention). Everything is
/// transposed so that a register holds the same entry of many query rows: then the softmax of a row never crosses lanes,
/// and both products are the same tile (<see cref="LaneTile"/>). Rows lie in panels of two registers:
/// queries [panel, HeadSize, lanes], scores [key, lanes], outputs [panel, padded head size, lanes].
/// </summary>
internal readonly unsafe ref struct AttentionBlock(ref readonly AttentionPass pass, int sequence, int head, int firstRow, int rows)
{
    private const int KeyBlock = 128;

    private readonly ref readonly AttentionPass _pass = ref pass;

    /// <summary>Parts of the worker's scratch memory.</summary>
    private unsafe struct Memory
    {
        public float* Queries, Outputs, Maxima, Sums, Factors, Limits, Scores, Keys, Values;
    }

    private int Size => _pass.HeadSize;

    private int PaddedSize => (_pass.HeadSize + LaneTile.Rows - 1) / LaneTile.Rows * LaneTile.Rows;

    public void Run<T>(CpuScratch scratch)
        where T : struct, ILanes<T>
    {
        var lanes = 2 * T.Count;
        var panels = (rows + lanes - 1) / lanes;
        var memory = Partition(scratch, panels, lanes);
        for (var panel = 0; panel < panels; panel++) Begin(memory, panel, lanes);
        var end = _pass.Visible(sequence, firstRow + rows - 1);
        for (var key = 0; key < end; key += KeyBlock)
        {
            var keys = Math.Min(KeyBlock, end - key);
            Pack(memory, key, keys);
            for (var panel = 0; panel < panels; panel++) Step<T>(memory, panel, key, keys);
        }

        for (var panel = 0; panel < panels; panel++) Finish<T>(memory, panel);
    }

    private Memory Partition(CpuScratch scratch, int panels, int lanes)
    {
        Memory m;
        var total = (long)panels * lanes * (Size + PaddedSize + 3) + lanes + KeyBlock * (lanes + Size + PaddedSize);
        m.Queries = (float*)scratch.Rent(total * sizeof(float));
        m.Outputs = m.Queries + panels * lanes * Size;
        m.Maxima = m.Outputs + panels * lanes * PaddedSize;
        m.Sums = m.Maxima + panels * lanes;
        m.Limits = m.Sums + panels * lanes;
        m.Factors = m.Limits + panels * lanes;
        m.Scores = m.Factors + lanes;
        m.Keys = m.Scores + KeyBlock * lanes;
        m.Values = m.Keys + KeyBlock * Size;
        return m;
    }

    private void Begin(in Memory m, int panel, int lanes)
    {
        var row = firstRow + panel * lanes;
        var count = Math.Min(lanes, rows - panel * lanes);
        var queries = m.Queries + panel * lanes * Size;
        if (count < lanes) new Span<float>(queries, lanes * Size).Clear();
        var source = _pass.Query.Row(_pass.Queries.Start(sequence) + row) + head * Size;
        LaneTranspose.Run(source, _pass.Query.Stride, count, Size, queries, lanes, _pass.Scale);
        new Span<float>(m.Outputs + panel * lanes * PaddedSize, lanes * PaddedSize).Clear();
        new Span<float>(m.Sums + panel * lanes, lanes).Clear();
        // Finite, so that a row whose scores are all −∞ so far yields e^−∞ = 0 and not ∞ − ∞.
        new Span<float>(m.Maxima + panel * lanes, lanes).Fill(float.MinValue);
        for (var i = 0; i < lanes; i++) m.Limits[panel * lanes + i] = _pass.Visible(sequence, row + i);
    }

    /// <summary>Keys to [tile, HeadSize, 8], values to [key, padded size]: dense, so that rows 2ⁿ bytes apart do not evict each other.</summary>
    private void Pack(in Memory m, int key, int keys)
    {
        var row = _pass.Keys.Start(sequence) + key;
        var column = _pass.KeyColumn(head);
        for (var tile = 0; tile < keys; tile += LaneTile.Rows)
        {
            var count = Math.Min(LaneTile.Rows, keys - tile);
            var packed = m.Keys + tile * Size;
            if (count < LaneTile.Rows) new Span<float>(packed, LaneTile.Rows * Size).Clear();
            LaneTranspose.Run(_pass.Key.Row(row + tile) + column, _pass.Key.Stride, count, Size, packed, LaneTile.Rows, 1);
        }

        for (var j = 0; j < keys; j++)
        {
            var packed = m.Values + j * PaddedSize;
            new ReadOnlySpan<float>(_pass.Value.Row(row + j) + column, Size).CopyTo(new Span<float>(packed, Size));
            if (Size < PaddedSize) new Span<float>(packed + Size, PaddedSize - Size).Clear();
        }
    }

    /// <summary>One panel of rows against one block of keys.</summary>
    private void Step<T>(in Memory m, int panel, int key, int keys)
        where T : struct, ILanes<T>
    {
        var lanes = 2 * T.Count;
        var lastRow = Math.Min(rows, (panel + 1) * lanes) - 1;
        var visible = Math.Min(keys, _pass.Visible(sequence, firstRow + lastRow) - key);
        if (visible <= 0) return;
        for (var tile = 0; tile < visible; tile += LaneTile.Rows)
            LaneTile.Multiply<T>(m.Keys + tile * Size, LaneTile.Rows, m.Queries + panel * lanes * Size, Size, m.Scores + tile * lanes, null);
        if (_pass.Visible(sequence, firstRow + panel * lanes) < key + visible) Mask<T>(m.Scores, m.Limits + panel * lanes, key, visible);
        if (ExportLane(panel, lanes) is >= 0 and var lane)
        {
            var export = _pass.LogProbabilities.Row(head) + _pass.Keys.Start(sequence) + key;
            for (var j = 0; j < visible; j++) export[j] = m.Scores[j * lanes + lane];
        }

        Softmax<T>(m.Scores, visible, m.Maxima + panel * lanes, m.Sums + panel * lanes, m.Factors);
        Softmax<T>(m.Scores + T.Count, visible, m.Maxima + panel * lanes + T.Count, m.Sums + panel * lanes + T.Count, m.Factors + T.Count);
        for (var d = 0; d < PaddedSize; d += LaneTile.Rows)
            LaneTile.Multiply<T>(m.Values + d, PaddedSize, m.Scores, visible, m.Outputs + (panel * PaddedSize + d) * lanes, m.Factors);
    }

    /// <summary>Scores of keys at or beyond a row's limit become −∞.</summary>
    private static void Mask<T>(float* scores, float* limits, int key, int keys)
        where T : struct, ILanes<T>
    {
        T left = T.Load(limits), right = T.Load(limits + T.Count), none = T.All(float.NegativeInfinity);
        for (var j = 0; j < keys; j++, scores += 2 * T.Count)
        {
            var index = T.All(key + j);
            T.Store(T.WhereLess(index, left, T.Load(scores), none), scores);
            T.Store(T.WhereLess(index, right, T.Load(scores + T.Count), none), scores + T.Count);
        }
    }

    /// <summary>Scores to e^(score − maximum) in place, for one register of rows; factors tell by how much earlier sums and outputs shrink.</summary>
    private static void Softmax<T>(float* scores, int keys, float* maxima, float* sums, float* factors)
        where T : struct, ILanes<T>
    {
        T old = T.Load(maxima), max = old;
        for (var j = 0; j < keys; j++) max = T.Max(T.Load(scores + j * 2 * T.Count), max);
        var factor = Lanes.Exp(old - max);
        var sum = T.Load(sums) * factor;
        for (var j = 0; j < keys; j++)
        {
            var p = Lanes.Exp(T.Load(scores + j * 2 * T.Count) - max);
            T.Store(p, scores + j * 2 * T.Count);
            sum += p;
        }

        T.Store(max, maxima);
        T.Store(sum, sums);
        T.Store(factor, factors);
    }

    private void Finish<T>(in Memory m, int panel)
        where T : struct, ILanes<T>
    {
        var lanes = 2 * T.Count;
        var count = Math.Min(lanes, rows - panel * lanes);
        var outputs = m.Outputs + panel * lanes * PaddedSize;
        for (var half = 0; half < lanes; half += T.Count)
        {
            // A row that sees no key has the sum 0 and the output 0; a NaN sum stays a NaN.
            var sum = T.Load(m.Sums + panel * lanes + half);
            var inverse = T.WhereLess(T.All(0), sum, T.All(1) / sum, sum);
            for (var d = 0; d < Size; d++) T.Store(T.Load(outputs + d * lanes + half) * inverse, outputs + d * lanes + half);
        }

        var row = firstRow + panel * lanes;
        LaneTranspose.Run(outputs, lanes, Size, count, _pass.Output.Row(_pass.Queries.Start(sequence) + row) + head * Size, _pass.Output.Stride, 1);
        if (ExportLane(panel, lanes) is >= 0 and var lane)
            FinishExport(m.Maxima[panel * lanes + lane] + MathF.Log(m.Sums[panel * lanes + lane]));
    }

    private void FinishExport(float logSum)
    {
        var export = new Span<float>(_pass.LogProbabilities.Row(head) + _pass.Keys.Start(sequence), _pass.Keys.Length(sequence));
        var visible = _pass.Visible(sequence, 0);
        for (var j = 0; j < visible; j++) export[j] -= logSum;
        export[visible..].Fill(float.NegativeInfinity);
    }

    /// <summary>The exported row's lane in a panel, or −1: it is the sequence's first.</summary>
    private int ExportLane(int panel, int lanes) => _pass.Exports && firstRow + panel * lanes == 0 ? 0 : -1;
}

using System.Runtime.Intrinsics;

namespace FlowCut.Models.Backends.Cpu;

/// <summary>
/// Attention of a single query row (decoding), split by ranges of keys. A range reads whole key and value rows in the
/// order they lie in memory, all heads at once, which is what limits the speed; it leaves each head's maximum, sum and
/// weighted values, and the ranges are merged in order.
/// </summary>
internal static unsafe class AttentionRange
{
    /// <summary>Keys first … first + keys − 1 of a sequence; leaves [Heads·(maximum, sum)] and [Heads, HeadSize] in <paramref name="partial"/>.</summary>
    public static void Run<T>(in AttentionPass pass, int sequence, int first, int keys, float* partial, CpuScratch scratch)
        where T : struct, ILanes<T>
    {
        var row = pass.Keys.Start(sequence) + first;
        var stride = (keys + T.Count - 1) / T.Count * T.Count;
        var scores = (float*)scratch.Rent((long)pass.Heads * stride * sizeof(float));
        Scores<T>(pass, pass.Query.Row(pass.Queries.Start(sequence)), row, keys, scores, stride);
        for (var head = 0; head < pass.Heads; head++)
        {
            if (pass.Exports) new ReadOnlySpan<float>(scores + head * stride, keys).CopyTo(new Span<float>(pass.LogProbabilities.Row(head) + row, keys));
            Softmax<T>(scores + head * stride, keys, stride, partial + 2 * head);
        }

        Outputs<T>(pass, scores, stride, row, keys, partial + 2 * pass.Heads);
    }

    private static void Scores<T>(in AttentionPass pass, float* query, int row, int keys, float* scores, int stride)
        where T : struct, ILanes<T>
    {
        var (size, group) = (pass.HeadSize, pass.Heads / pass.KeyValueHeads);
        var j = 0;
        for (; j + 4 <= keys; j += 4)
        {
            var key = pass.Key.Row(row + j);
            for (var head = 0; head < pass.Heads; head++)
                (LaneRow.DotFour<T>(query + head * size, key + head / group * size, pass.Key.Stride, size) * pass.Scale).Store(scores + head * stride + j);
        }

        for (; j < keys; j++)
        {
            var key = pass.Key.Row(row + j);
            for (var head = 0; head < pass.Heads; head++)
                scores[head * stride + j] = LaneRow.Dot<T>(query + head * size, key + head / group * size, size) * pass.Scale;
        }
    }

    private static void Outputs<T>(in AttentionPass pass, float* weights, int stride, int row, int keys, float* outputs)
        where T : struct, ILanes<T>
    {
        var (size, group) = (pass.HeadSize, pass.Heads / pass.KeyValueHeads);
        new Span<float>(outputs, pass.Heads * size).Clear();
        var j = 0;
        for (; j + 4 <= keys; j += 4)
        {
            var value = pass.Value.Row(row + j);
            for (var head = 0; head < pass.Heads; head++)
                LaneRow.AddScaledFour<T>(value + head / group * size, pass.Value.Stride, weights + head * stride + j, outputs + head * size, size);
        }

        for (; j < keys; j++)
        {
            var value = pass.Value.Row(row + j);
            for (var head = 0; head < pass.Heads; head++)
                LaneRow.AddScaled<T>(value + head / group * size, weights[head * stride + j], outputs + head * size, size);
        }
    }

    private static void Softmax<T>(float* scores, int keys, int padded, float* maximumAndSum)
        where T : struct, ILanes<T>
    {
        new Span<float>(scores + keys, padded - keys).Fill(float.NegativeInfinity);
        var largest = T.All(float.MinValue);
        for (var j = 0; j < padded; j += T.Count) largest = T.Max(T.Load(scores + j), largest);
        var max = T.Largest(largest);
        var sum = T.All(0);
        for (var j = 0; j < padded; j += T.Count)
        {
            var p = Lanes.Exp(T.Load(scores + j) - T.All(max));
            T.Store(p, scores + j);
            sum += p;
        }

        maximumAndSum[0] = max;
        maximumAndSum[1] = T.Sum(sum);
    }

    public static void Merge(in AttentionPass pass, int sequence, float* partials, int ranges)
    {
        var size = pass.HeadSize;
        for (var head = 0; head < pass.Heads; head++)
        {
            var output = new Span<float>(pass.Output.Row(pass.Queries.Start(sequence)) + head * size, size);
            output.Clear();
            var max = float.MinValue;
            for (var i = 0; i < ranges; i++) max = MathF.Max(max, partials[(long)i * pass.PartialLength + 2 * head]);
            var sum = 0f;
            for (var i = 0; i < ranges; i++)
            {
                var partial = partials + (long)i * pass.PartialLength;
                var weight = MathF.Exp(partial[2 * head] - max);
                sum += weight * partial[2 * head + 1];
                var values = new ReadOnlySpan<float>(partial + 2 * pass.Heads + head * size, size);
                for (var d = 0; d < size; d++) output[d] += weight * values[d];
            }

            for (var d = 0; d < size; d++) output[d] = sum == 0 ? 0 : output[d] / sum;
            if (!pass.Exports) continue;
            var logSum = max + MathF.Log(sum);
            foreach (ref var entry in new Span<float>(pass.LogProbabilities.Row(head) + pass.Keys.Start(sequence), pass.Keys.Length(sequence))) entry -= logSum;
        }
    }
}

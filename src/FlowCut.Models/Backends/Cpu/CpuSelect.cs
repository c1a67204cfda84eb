namespace FlowCut.Models.Backends.Cpu;

/// <summary>Largest entries of a row: NaN ranks below every number, −0 equals +0, ties go to the lowest index.</summary>
internal sealed unsafe class CpuSelect : IDisposable
{
    private readonly CpuScratch _scratch = new(), _sums = new();

    /// <summary>Index of the largest entry; −1 if any is NaN.</summary>
    public static int ArgMax(ReadOnlySpan<float> x)
    {
        var best = 0;
        for (var i = 0; i < x.Length; i++)
        {
            if (float.IsNaN(x[i])) return -1;
            if (x[i] > x[best]) best = i;
        }

        return best;
    }

    /// <summary>All columns of the groups with the largest sums, as many groups as <paramref name="destination"/> has room for, ascending, <paramref name="add"/> added to each.</summary>
    public void Top(ReadOnlySpan<float> scores, int group, int add, Span<int> destination)
    {
        if (destination.IsEmpty) return;
        if (group > 1) scores = Sums(scores, group);
        // Rank and index in one number: all keys differ, so that the count-th smallest splits kept from dropped exactly.
        var keys = new Span<ulong>(_scratch.Rent((long)scores.Length * sizeof(ulong)), scores.Length);
        for (var i = 0; i < keys.Length; i++) keys[i] = Key(scores[i], i);
        keys.Sort();
        var last = keys[destination.Length / group - 1];
        var kept = 0;
        for (var i = 0; i < scores.Length; i++)
        {
            if (Key(scores[i], i) > last) continue;
            for (var j = 0; j < group; j++) destination[kept++] = i * group + j + add;
        }
    }

    private ReadOnlySpan<float> Sums(ReadOnlySpan<float> scores, int group)
    {
        var sums = new Span<float>(_sums.Rent((long)scores.Length / group * sizeof(float)), scores.Length / group);
        for (var i = 0; i < sums.Length; i++)
        {
            var sum = scores[i * group];
            for (var j = 1; j < group; j++) sum += scores[i * group + j];
            sums[i] = sum;
        }

        return sums;
    }

    /// <summary>The lower the key, the larger the score; equal scores follow their index.</summary>
    private static ulong Key(float score, int index)
    {
        if (float.IsNaN(score)) return (ulong)uint.MaxValue << 32 | (uint)index;
        var bits = BitConverter.SingleToUInt32Bits(score + 0f);
        var descending = (bits & 0x8000_0000) != 0 ? bits : ~bits & 0x7FFF_FFFF;
        return (ulong)descending << 32 | (uint)index;
    }

    public void Dispose()
    {
        _scratch.Dispose();
        _sums.Dispose();
    }
}

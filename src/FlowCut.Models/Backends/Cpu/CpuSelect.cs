namespace FlowCut.Models.Backends.Cpu;

/// <summary>Largest entries of a row: NaN ranks below every number, −0 equals +0, ties go to the lowest index.</summary>
internal sealed unsafe class CpuSelect : IDisposable
{
    private readonly CpuScratch _scratch = new();

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

    /// <summary>The indices of the <c>destination.Length</c> largest scores, ascending, <paramref name="add"/> added to each.</summary>
    public void Top(ReadOnlySpan<float> scores, int add, Span<int> destination)
    {
        if (destination.IsEmpty) return;
        // Rank and index in one number: all keys differ, so that the count-th smallest splits kept from dropped exactly.
        var keys = new Span<ulong>(_scratch.Rent((long)scores.Length * sizeof(ulong)), scores.Length);
        for (var i = 0; i < keys.Length; i++) keys[i] = Key(scores[i], i);
        keys.Sort();
        var last = keys[destination.Length - 1];
        var kept = 0;
        for (var i = 0; i < scores.Length; i++)
        {
            if (Key(scores[i], i) <= last) destination[kept++] = i + add;
        }
    }

    /// <summary>The lower the key, the larger the score; equal scores follow their index.</summary>
    private static ulong Key(float score, int index)
    {
        if (float.IsNaN(score)) return (ulong)uint.MaxValue << 32 | (uint)index;
        var bits = BitConverter.SingleToUInt32Bits(score + 0f);
        var descending = (bits & 0x8000_0000) != 0 ? bits : ~bits & 0x7FFF_FFFF;
        return (ulong)descending << 32 | (uint)index;
    }

    public void Dispose() => _scratch.Dispose();
}

namespace FlowCut.Kernels;

/// <summary>Gives each type of variant a small number, so that a context finds its table for the type by index, without hashing or boxing.</summary>
internal static class VariantTable
{
    private static int s_count;

    private static class Number<TVariant>
    {
        public static readonly int Value = Interlocked.Increment(ref s_count) - 1;
    }

    public static int Index<TVariant>() => Number<TVariant>.Value;
}

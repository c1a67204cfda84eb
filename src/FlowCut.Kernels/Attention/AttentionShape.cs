namespace FlowCut.Kernels.Transformer;

/// <summary>
/// How a row divides into heads: head h is columns h·HeadSize … (h + 1)·HeadSize − 1. With fewer key/value heads than query
/// heads, query head h reads key/value head h·KeyValueHeads/Heads.
/// </summary>
/// <param name="Heads">Query heads.</param>
/// <param name="KeyValueHeads">Key and value heads; divides <paramref name="Heads"/>.</param>
/// <param name="HeadSize">Columns of a head, at most <see cref="MaxHeadSize"/>.</param>
/// <param name="Scale">What products of query and key are multiplied by, above 0; 1/√HeadSize for most models.</param>
public readonly record struct AttentionShape(int Heads, int KeyValueHeads, int HeadSize, float Scale)
{
    /// <summary>The largest head that the kernels hold.</summary>
    public const int MaxHeadSize = 128;

    /// <summary>Heads of one size with a scale of 1/√size.</summary>
    public AttentionShape(int heads, int keyValueHeads, int headSize)
        : this(heads, keyValueHeads, headSize, 1 / MathF.Sqrt(headSize)) { }

    /// <summary>Columns of query and output.</summary>
    internal int QueryColumns => Require.Product(Heads, HeadSize, nameof(Heads));

    /// <summary>Columns of key and value.</summary>
    internal int KeyValueColumns => Require.Product(KeyValueHeads, HeadSize, nameof(KeyValueHeads));

    /// <exception cref="ArgumentException">Sizes are out of range, or the heads cannot share the key/value heads.</exception>
    internal void Check()
    {
        if (Heads < 1 || KeyValueHeads < 1 || Heads % KeyValueHeads != 0)
            throw new ArgumentException($"{Heads} query heads cannot share {KeyValueHeads} key/value heads.", nameof(Heads));
        if (HeadSize is < 1 or > MaxHeadSize)
            throw new ArgumentOutOfRangeException(nameof(HeadSize), HeadSize, $"Heads have 1 to {MaxHeadSize} columns.");
        if (!float.IsFinite(Scale) || Scale <= 0)
            throw new ArgumentOutOfRangeException(nameof(Scale), Scale, "The scale is a finite number above 0.");
    }
}

namespace FlowCut.Models.Pruning;

/// <summary>What pruning in the encoder saw and did to one picture, crop or tile.</summary>
public sealed class PruningRecord
{
    private readonly int[]? _order;
    private readonly int _group;

    /// <param name="patches">Patches before the first layer, numbered as the encoder has them.</param>
    public PruningRecord(int patches)
        : this(patches, null, 1) { }

    /// <param name="patches">Patches before the first layer.</param>
    /// <param name="order">The number of the patch at each place of the encoder's order; null: its place.</param>
    /// <param name="group">Patches that become one token, neighbours in the encoder's order.</param>
    internal PruningRecord(int patches, int[]? order, int group)
    {
        (_order, _group) = (order, group);
        Patches = patches;
        Places = [.. Enumerable.Range(0, patches)];
        Kept = Numbers(Places);
    }

    /// <summary>Patches before the first layer.</summary>
    public int Patches { get; }

    /// <summary>Every layer that was scored, in order.</summary>
    public List<LayerRecord> Layers { get; } = [];

    /// <summary>Numbers of the patches that left the encoder, ascending: in raster order, Qwen2-VL's in that of its 2×2 groups. All of them where nothing was pruned.</summary>
    public int[] Kept { get; private set; }

    /// <summary>The places that are left in the encoder's order.</summary>
    internal int[] Places { get; private set; }

    /// <summary>A record of the same picture in which nothing has happened.</summary>
    internal PruningRecord Fresh() => new(Patches, _order, _group);

    /// <summary>Tokens that leave the encoder.</summary>
    internal int Tokens => Places.Length / _group;

    /// <summary>Numbers of the patches of a token.</summary>
    internal int[] PatchesOf(int token) => Numbers(Places[(token * _group)..((token + 1) * _group)]);

    /// <summary>Notes what a layer kept.</summary>
    /// <param name="layer">One of <see cref="Layers"/>.</param>
    /// <param name="survivors">Ascending, counted among the patches that were alive.</param>
    /// <param name="group">Patches that stand or fall together.</param>
    internal void Keep(int layer, ReadOnlySpan<int> survivors, int group)
    {
        if (survivors.Length == Places.Length) return;
        var places = new int[survivors.Length];
        for (var i = 0; i < places.Length; i++) places[i] = Places[survivors[i]];
        Places = places;
        Kept = Numbers(places);
        var record = Layers.Find(l => l.Layer == layer)!;
        record.Kept = Kept;
        if (group > 1) record.KeptGroups = [.. places.Where((_, i) => i % group == 0).Select(place => place / group)];
    }

    /// <summary>Notes which tokens stay of those that left the encoder.</summary>
    /// <param name="tokens">Ascending.</param>
    internal void Reduce(ReadOnlySpan<int> tokens)
    {
        var places = new int[tokens.Length * _group];
        for (var i = 0; i < places.Length; i++) places[i] = tokens[i / _group] * _group + i % _group;
        Places = places;
        Kept = Numbers(places);
    }

    /// <summary>Where a token stands among those that stayed; −1 where it did not.</summary>
    internal int PlaceOf(int token) => Array.BinarySearch(Places, token * _group) is var place && place >= 0 ? place / _group : -1;

    /// <summary>Numbers of the patches that are left behind a layer, ascending.</summary>
    internal int[] KeptAfter(int layer) => Layers.FindLast(l => l.Layer <= layer && l.Kept is not null)?.Kept ?? [.. Enumerable.Range(0, Patches)];

    /// <summary>Numbers of the <paramref name="alive"/> patches behind a layer, in the encoder's order.</summary>
    internal int[] NumbersAfter(int layer, int alive)
    {
        var numbers = _order ?? [.. Enumerable.Range(0, Patches)];
        foreach (var record in Layers)
        {
            if (record.Kept is not { } kept || record.Layer > layer || numbers.Length == alive) continue;
            numbers = Array.FindAll(numbers, number => Array.BinarySearch(kept, number) >= 0);
        }

        return numbers;
    }

    /// <summary>Score rows from the encoder's order to that of the patches' numbers; once, after the last layer.</summary>
    internal void SortScores()
    {
        if (_order is null) return;
        var alive = Enumerable.Range(0, Patches).ToArray();
        foreach (var layer in Layers)
        {
            var numbers = Array.ConvertAll(alive, place => _order[place]);
            foreach (var scores in new[] { layer.Attention, layer.Semantic, layer.Density, layer.Score, layer.Cumulative })
                if (scores is not null) Array.Sort((int[])numbers.Clone(), scores);
            if (layer.Kept is { } kept) alive = Array.FindAll(alive, place => Array.BinarySearch(kept, _order[place]) >= 0);
        }
    }

    private int[] Numbers(int[] places)
    {
        if (_order is null) return places;
        var numbers = Array.ConvertAll(places, place => _order[place]);
        Array.Sort(numbers);
        return numbers;
    }
}

/// <summary>One scored layer of one picture. Score rows have an entry per patch alive on entry of the layer.</summary>
public sealed class LayerRecord
{
    public required int Layer { get; init; }

    /// <summary>Patches alive on entry.</summary>
    public required int Alive { get; init; }

    /// <summary>h of spec/flowcut.md, section 3.</summary>
    public double EntropyRatio { get; set; }

    /// <summary>Patch numbers kept by this layer, ascending; null where it dropped nothing.</summary>
    public int[]? Kept { get; set; }

    /// <summary>The same as numbers of 2×2 groups; null where single patches are selected.</summary>
    public int[]? KeptGroups { get; set; }

    /// <summary>Recorded on request only, like the rows below: head means, not normalised. Of the CLS token, or where there is none of the mean query.</summary>
    public float[]? Attention { get; set; }

    /// <summary>Null where this criterion is not used.</summary>
    public float[]? Semantic { get; set; }

    public float[]? Density { get; set; }

    /// <summary>I, this layer's fused score.</summary>
    public float[]? Score { get; set; }

    /// <summary>S, the running score that decides.</summary>
    public float[]? Cumulative { get; set; }
}

/// <summary>What pruning in the language model did to one picture, at one layer.</summary>
public sealed class DecoderRecord
{
    public required int Layer { get; init; }

    /// <summary>The kept ones, counted among the visual tokens of the picture that entered the language model, ascending.</summary>
    public int[] Kept { get; set; } = [];

    /// <summary>Tokens that were made of dropped ones. They stand behind the kept ones, and count on behind the tokens that entered and those made before.</summary>
    public int Merged { get; set; }

    /// <summary>Recorded on request only, like the rows below: [visual tokens alive].</summary>
    public float[]? Attention { get; set; }

    public float[]? Semantic { get; set; }

    public float[]? Density { get; set; }

    public float[]? Score { get; set; }
}

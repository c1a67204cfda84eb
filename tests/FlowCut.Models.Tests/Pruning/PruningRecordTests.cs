using FlowCut.Models.Backends.Cpu;
using FlowCut.Models.Families;
using FlowCut.Models.Pruning;

namespace FlowCut.Models.Tests.Pruning;

public class PruningRecordTests
{
    /// <summary>2 rows of 4 patches, which the encoder has by 2×2 groups; a patch's number is its place in the picture's raster.</summary>
    private static readonly int[] s_byGroups = [0, 1, 4, 5, 2, 3, 6, 7];

    [Fact]
    public void In_raster_order_places_are_numbers()
    {
        var record = new PruningRecord(6);
        Assert.Equal([0, 1, 2, 3, 4, 5], record.Kept);
        record.Layers.Add(new LayerRecord { Layer = 1, Alive = 6 });
        record.Keep(1, [0, 2, 3, 5], 1);
        record.Layers.Add(new LayerRecord { Layer = 2, Alive = 4 });
        record.Keep(2, [0, 1, 2, 3], 1);
        record.Layers.Add(new LayerRecord { Layer = 3, Alive = 4 });
        record.Keep(3, [1, 3], 1);
        Assert.Equal([2, 5], record.Kept);
        Assert.Equal([0, 2, 3, 5], record.Layers[0].Kept!);
        // nothing was dropped
        Assert.Null(record.Layers[1].Kept);
        Assert.Equal([2, 5], record.Layers[2].Kept!);
        Assert.All(record.Layers, l => Assert.Null(l.KeptGroups));
        Assert.Equal([0, 1, 2, 3, 4, 5], record.KeptAfter(0));
        Assert.Equal([0, 2, 3, 5], record.KeptAfter(2));
        Assert.Equal([2, 5], record.KeptAfter(9));
        Assert.Equal(2, record.Tokens);
        Assert.Equal([5], record.PatchesOf(1));
    }

    [Fact]
    public void Groups_are_kept_whole_and_numbered()
    {
        var record = new PruningRecord(12, null, 4);
        Assert.Equal(3, record.Tokens);
        record.Layers.Add(new LayerRecord { Layer = 0, Alive = 12 });
        record.Keep(0, [0, 1, 2, 3, 8, 9, 10, 11], 4);
        Assert.Equal([0, 2], record.Layers[0].KeptGroups!);
        record.Layers.Add(new LayerRecord { Layer = 1, Alive = 8 });
        record.Keep(1, [4, 5, 6, 7], 4);
        Assert.Equal([2], record.Layers[1].KeptGroups!);
        Assert.Equal([8, 9, 10, 11], record.Kept);
        Assert.Equal(1, record.Tokens);
        Assert.Equal([8, 9, 10, 11], record.PatchesOf(0));
        var fresh = record.Fresh();
        Assert.Equal((12, 3, 0), (fresh.Patches, fresh.Tokens, fresh.Layers.Count));
    }

    [Fact]
    public void Numbers_are_those_of_the_order_and_ascend()
    {
        var record = new PruningRecord(8, s_byGroups, 4);
        Assert.Equal([0, 1, 2, 3, 4, 5, 6, 7], record.Kept);
        Assert.Equal([2, 3, 6, 7], record.PatchesOf(1));
        Assert.Equal(s_byGroups, record.NumbersAfter(0, 8));
        record.Layers.Add(new LayerRecord { Layer = 0, Alive = 8 });
        // places 1, 2, 4 and 7 are patches 1, 4, 2 and 7
        record.Keep(0, [1, 2, 4, 7], 1);
        Assert.Equal([1, 2, 4, 7], record.Kept);
        Assert.Equal([1, 2, 4, 7], record.Places);
        Assert.Equal([1, 4, 2, 7], record.NumbersAfter(0, 4));
        record.Layers.Add(new LayerRecord { Layer = 2, Alive = 4 });
        record.Keep(2, [1, 2], 1);
        Assert.Equal([2, 4], record.Kept);
        Assert.Equal([1, 4, 2, 7], record.NumbersAfter(1, 4));
        Assert.Equal([4, 2], record.NumbersAfter(2, 2));
        // before its event a layer still has what came in
        Assert.Equal([1, 4, 2, 7], record.NumbersAfter(2, 4));
    }

    [Fact]
    public void Scores_are_sorted_as_the_numbers_are()
    {
        var record = new PruningRecord(8, s_byGroups, 4);
        float[] Numbered(params int[] numbers) => [.. numbers.Select(n => 10f * n)];
        record.Layers.Add(new LayerRecord { Layer = 0, Alive = 8, Attention = Numbered(s_byGroups), Score = Numbered(s_byGroups) });
        record.Keep(0, [1, 2, 4, 7], 1);
        record.Layers.Add(new LayerRecord { Layer = 1, Alive = 4, Semantic = Numbered(1, 4, 2, 7), Density = Numbered(1, 4, 2, 7), Cumulative = Numbered(1, 4, 2, 7) });
        record.SortScores();
        Assert.Equal(Numbered(0, 1, 2, 3, 4, 5, 6, 7), record.Layers[0].Attention);
        Assert.Equal(Numbered(0, 1, 2, 3, 4, 5, 6, 7), record.Layers[0].Score);
        Assert.Null(record.Layers[0].Semantic);
        Assert.Equal(Numbered(1, 2, 4, 7), record.Layers[1].Semantic);
        Assert.Equal(Numbered(1, 2, 4, 7), record.Layers[1].Density);
        Assert.Equal(Numbered(1, 2, 4, 7), record.Layers[1].Cumulative);
    }

    [Fact]
    public void A_pictures_kept_patches_are_those_of_the_tokens_that_the_language_model_kept()
    {
        using var backend = new CpuBackend(1);
        var whole = new PruningRecord(8, s_byGroups, 4);
        var pruned = new PruningRecord(12, null, 4);
        pruned.Layers.Add(new LayerRecord { Layer = 0, Alive = 12 });
        pruned.Keep(0, [4, 5, 6, 7, 8, 9, 10, 11], 4);
        using (var picture = new EncodedPicture(backend.Allocate(4, 8), [whole, pruned], [0, 1, 3, 4], 5))
        {
            Assert.Equal([[0, 1, 2, 3, 4, 5, 6, 7], [4, 5, 6, 7, 8, 9, 10, 11]], picture.KeptPatches());
            picture.Language.Add(new DecoderRecord { Layer = 1, Kept = [1, 2] });
            Assert.Equal([[2, 3, 6, 7], [4, 5, 6, 7]], picture.KeptPatches());
            Assert.Equal(2, picture.Kept);
        }

        // rows of the second crop first, and a token of no crop between
        using var mixed = new EncodedPicture(backend.Allocate(3, 8), [whole, pruned], [0, 1, 2], 5, [(1, 1), (-1, 0), (0, 0)]);
        Assert.Equal([[0, 1, 4, 5], [8, 9, 10, 11]], mixed.KeptPatches());
        mixed.Language.Add(new DecoderRecord { Layer = 1, Kept = [1] });
        Assert.Equal([[], []], mixed.KeptPatches());
    }
}

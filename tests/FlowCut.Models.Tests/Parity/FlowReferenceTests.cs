using FlowCut.Models.Checkpoints;
using FlowCut.Models.Pruning;
using FlowCut.Models.Pruning.Reference;
using static FlowCut.Testing.Goldens;

namespace FlowCut.Models.Tests.Parity;

/// <summary>The double-precision reference against the fp64 results of flow-unit, and on cases worked by hand.</summary>
public class FlowReferenceTests
{
    private const double Tolerance = 1e-12;

    public static TheoryData<string, string> Cases()
    {
        var data = new TheoryData<string, string>();
        foreach (var shape in new[] { "small", "clip", "wide", "long", "two", "peaked", "zero-patch", "zero-cls-value", "uniform" })
        {
            foreach (var variant in new[] { "released", "paper", "cosine", "attention-only", "semantic-only", "density-only", "no-attention", "no-semantic", "no-density" })
                data.Add(shape, variant);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Criteria_equal_the_goldens(string shape, string variant)
    {
        using var tensors = Checkpoint.Open(Require("flow-unit.safetensors"));
        var query = Matrix(tensors, $"criteria.{shape}.q_cls");
        var keys = Heads(tensors, $"criteria.{shape}.k");
        var values = Heads(tensors, $"criteria.{shape}.v");
        var semantic = variant switch
        {
            "paper" => SemanticCriterion.ScaledValueSoftmax,
            "cosine" => SemanticCriterion.Cosine,
            _ => SemanticCriterion.ValueSoftmax,
        };
        var criteria = variant switch
        {
            "attention-only" => Criteria.Attention,
            "semantic-only" => Criteria.Semantic,
            "density-only" => Criteria.Density,
            "no-attention" => Criteria.All & ~Criteria.Attention,
            "no-semantic" => Criteria.All & ~Criteria.Semantic,
            "no-density" => Criteria.All & ~Criteria.Density,
            _ => Criteria.All,
        };
        var a = FlowReference.Attention(query, keys, overPatches: variant == "paper");
        var s = FlowReference.Semantic(values, semantic);
        var d = FlowReference.Density(values);
        AssertClose(tensors, $"criteria.{shape}.{variant}.attention", a);
        AssertClose(tensors, $"criteria.{shape}.{variant}.semantic", s);
        AssertClose(tensors, $"criteria.{shape}.{variant}.density", d);
        Assert.True(AssertClose(tensors, $"criteria.{shape}.{variant}.score", FlowReference.Fuse(a, s, d, criteria)), "the golden has no score");
    }

    [Theory]
    [InlineData("mha", 16)]
    [InlineData("gqa", 10)]
    public void Text_guided_scores_equal_the_goldens(string name, int keep)
    {
        using var tensors = Checkpoint.Open(Require("flow-unit.safetensors"));
        var (a, s, d, score) = FlowReference.TextGuided(
            Matrix(tensors, $"text.{name}.q"), Matrix(tensors, $"text.{name}.v_text"), Heads(tensors, $"text.{name}.k"), Heads(tensors, $"text.{name}.v"));
        AssertClose(tensors, $"text.{name}.attention", a);
        AssertClose(tensors, $"text.{name}.semantic", s);
        AssertClose(tensors, $"text.{name}.density", d);
        Assert.True(AssertClose(tensors, $"text.{name}.score", score), "the golden has no score");
        Assert.Equal(Indices(tensors, $"text.{name}.keep_indices"), FlowReference.SelectTop(score, keep).Select(i => (long)i));
    }

    [Theory]
    [InlineData("ties", 3)]
    [InlineData("all-equal", 4)]
    [InlineData("keep-all", 3)]
    [InlineData("keep-one", 1)]
    [InlineData("ties-at-the-edge", 4)]
    public void Selections_equal_the_goldens(string name, int keep)
    {
        using var tensors = Checkpoint.Open(Require("flow-unit.safetensors"));
        var scores = Values(tensors, $"select.{name}.cumulative");
        Assert.Equal(Indices(tensors, $"select.{name}.keep_indices"), FlowReference.SelectTop(scores, keep).Select(i => (long)i));
    }

    [Fact]
    public void One_head_of_size_one_is_worked_by_hand()
    {
        // values: CLS 0, patches ln 1 … so that exponentials are whole numbers
        double[][] query = [[1]];
        double[][][] keys = [[[0], [Math.Log(2)], [Math.Log(5)]]];
        double[] over = FlowReference.Attention(query, keys, overPatches: false), patches = FlowReference.Attention(query, keys, overPatches: true);
        Assert.Equal(2 / 8.0, over[0], Tolerance);
        Assert.Equal(5 / 8.0, over[1], Tolerance);
        Assert.Equal(2 / 7.0, patches[0], Tolerance);
        Assert.Equal([2.0, 0.5], FlowReference.Density([[[9], [3], [-1]], [[9], [1], [2]]]));
    }

    [Fact]
    public void Entropy_of_a_uniform_row_is_one_and_of_a_peak_zero()
    {
        Assert.Equal(1, FlowReference.EntropyRatio([3, 3, 3, 3]), Tolerance);
        Assert.Equal(0, FlowReference.EntropyRatio([0, 7, 0]), Tolerance);
        Assert.Equal(0, FlowReference.EntropyRatio([0, 0]));
        Assert.Equal(0, FlowReference.EntropyRatio([5]));
    }

    [Fact]
    public void NaN_ranks_below_every_number() => Assert.Equal([0, 2], FlowReference.SelectTop([-5, double.NaN, double.NegativeInfinity], 2));

    private static bool AssertClose(Checkpoint tensors, string name, double[] actual)
    {
        if (!tensors.TryGet(name, out _)) return false;
        var expected = Values(tensors, name);
        Assert.Equal(expected.Length, actual.Length);
        var largest = expected.Max(Math.Abs);
        for (var i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs(expected[i] - actual[i]) <= Tolerance * Math.Max(largest, 1e-30), $"{name}[{i}]: {actual[i]:G17}, expected {expected[i]:G17}");
        return true;
    }

    private static unsafe double[] Values(Checkpoint tensors, string name)
    {
        var tensor = tensors.Get(name);
        if (tensor.Type == StoredType.Float64) return System.Runtime.InteropServices.MemoryMarshal.Cast<byte, double>(tensor.Bytes).ToArray();
        var singles = new float[tensor.ElementCount];
        tensor.ReadSingles(singles);
        return [.. singles.Select(x => (double)x)];
    }

    private static double[][] Matrix(Checkpoint tensors, string name) => Split(Values(tensors, name), tensors.Get(name).Shape);

    private static double[][][] Heads(Checkpoint tensors, string name)
    {
        var shape = tensors.Get(name).Shape;
        var size = (int)(shape[1] * shape[2]);
        return [.. Values(tensors, name).Chunk(size).Select(head => Split(head, shape[1..]))];
    }

    private static double[][] Split(double[] values, long[] shape) => [.. values.Chunk((int)shape[1])];

    private static long[] Indices(Checkpoint tensors, string name) =>
        System.Runtime.InteropServices.MemoryMarshal.Cast<byte, long>(tensors.Get(name).Bytes).ToArray();
}

using FlowCut.Imaging.Skia;
using FlowCut.Models.Backends.Cpu;
using FlowCut.Models.Families;
using FlowCut.Models.Language;
using FlowCut.Models.Pruning;
using FlowCut.Models.Pruning.Methods;
using FlowCut.Testing;

namespace FlowCut.Models.Tests.Pruning;

/// <summary>The other methods at the edges of their budgets, in models of other sizes, and where they do not fit.</summary>
public class RivalMethodTests
{
    private const string Tiny = "llava-1.5-tiny", Chelsea = "pictures/chelsea.png", Astronaut = "pictures/astronaut.png";

    public static readonly TheoryData<string> BeforeTheLanguageModel = ["visionzip", "divprune", "vispruner", "holov", "cls", "random", "uniform", "pool"];

    [Theory]
    [MemberData(nameof(BeforeTheLanguageModel))]
    public void As_many_tokens_enter_as_the_budget_says(string method)
    {
        using var tiny = new Model(Tiny);
        foreach (var keep in new[] { 1, 2, 3, 17, 64 })
        {
            using var picture = tiny.Encode(Create(method, keep), Chelsea)[0];
            Assert.Equal(keep, picture.Tokens.Rows);
            Assert.Equal(keep, picture.Numbers.Count);
            var kept = picture.Records[0].Kept;
            Assert.Equal(kept.Order().Distinct(), kept);
            // nothing else: of VisionZip the CLS token and the merged ones are no patches, of pool every patch has its part
            if (method is "divprune" or "vispruner" or "cls" or "random" or "uniform") Assert.Equal(keep, kept.Length);
        }

        Assert.Contains("64", Assert.Throws<InputException>(() => tiny.Encode(Create(method, 65), Chelsea)).Message, StringComparison.Ordinal);
        Assert.Contains("not 0", Assert.Throws<InputException>(() => Create(method, 0)).Message, StringComparison.Ordinal);
    }

    /// <summary>Pictures of a batch do not see each other.</summary>
    [Theory]
    [MemberData(nameof(BeforeTheLanguageModel))]
    [InlineData("vscan")]
    public void A_picture_in_a_batch_is_what_it_is_alone(string method)
    {
        using var tiny = new Model(Tiny);
        var together = tiny.Encode(Create(method, 16), Chelsea, Astronaut);
        foreach (var (picture, name) in together.Zip([Chelsea, Astronaut]))
        {
            using var alone = tiny.Encode(Create(method, 16), name)[0];
            Assert.Equal(alone.Numbers, picture.Numbers);
            Assert.Equal(alone.Records[0].Kept, picture.Records[0].Kept);
            Assert.Equal(tiny.Values(alone), tiny.Values(picture));
            picture.Dispose();
        }
    }

    /// <summary>Keeping every token, in whatever way, is the unpruned picture.</summary>
    [Theory]
    [InlineData("divprune")]
    [InlineData("vispruner")]
    [InlineData("cls")]
    [InlineData("random")]
    [InlineData("uniform")]
    [InlineData("pool")]
    public void The_whole_budget_changes_nothing(string method)
    {
        using var tiny = new Model(Tiny);
        using var whole = tiny.Encode(null, Chelsea)[0];
        using var picture = tiny.Encode(Create(method, 64), Chelsea)[0];
        Assert.Equal(tiny.Values(whole), tiny.Values(picture));
    }

    [Fact]
    public void Uniform_and_pool_are_their_formulas_and_random_its_seed()
    {
        using var tiny = new Model(Tiny);
        using var uniform = tiny.Encode(Create("uniform", 3), Chelsea)[0];
        // ⌊(i + ½)·64/3⌋
        Assert.Equal([10, 32, 53], uniform.Numbers);
        using var random = tiny.Encode(Create("random", 8), Chelsea)[0];
        using var again = tiny.Encode(Create("random", 8, ("seed", "0")), Chelsea)[0];
        using var other = tiny.Encode(Create("random", 8, ("seed", "1")), Chelsea)[0];
        using var fewer = tiny.Encode(Create("random", 4), Chelsea)[0];
        Assert.Equal(random.Numbers, again.Numbers);
        Assert.NotEqual(random.Numbers, other.Numbers);
        Assert.Subset(random.Numbers.ToHashSet(), fewer.Numbers.ToHashSet());
    }

    [Theory]
    [InlineData("fastv", 33)]
    [InlineData("pdrop", 16)]
    [InlineData("vscan", 16)]
    public void In_the_language_model_the_average_comes_near_the_budget(string method, int keep)
    {
        using var tiny = new Model(Tiny);
        var (picture, _) = tiny.Answer(Create(method, keep), Chelsea);
        using (picture)
        {
            var alive = picture.Tokens.Rows;
            var sum = 0;
            for (var layer = 0; layer < 4; layer++)
            {
                sum += alive;
                if (picture.Language.Find(r => r.Layer == layer) is { } record) alive = record.Kept.Length;
            }

            Assert.InRange(sum / 4.0, method == "fastv" ? keep - 1 : 1, method == "fastv" ? keep + 1 : 2.5 * keep);
        }
    }

    [Fact]
    public void FastV_says_which_budget_is_the_least()
    {
        using var tiny = new Model(Tiny);
        // one of four layers sees all 64 tokens, so that 4·T − 64 must be 1.5 or more
        var message = Assert.Throws<InputException>(() => tiny.Answer(Create("fastv", 16), Chelsea)).Message;
        Assert.Contains("17 is the least", message, StringComparison.Ordinal);
        using var least = tiny.Answer(Create("fastv", 17), Chelsea).Picture;
        Assert.Single(least.Language[0].Kept);
        using var all = tiny.Answer(Create("fastv", null, ("count", "64")), Chelsea).Picture;
        Assert.Empty(all.Language);
    }

    [Fact]
    public void A_decoder_with_too_few_layers_is_refused_with_the_number_that_would_do()
    {
        using var tiny = new Model(Tiny);
        var message = Assert.Throws<InputException>(() => tiny.Answer(Create("sparsevlm", 16), Chelsea)).Message;
        Assert.Contains("its 4 are too few; 5 or more", message, StringComparison.Ordinal);
        Assert.Contains("layer 3", Assert.Throws<InputException>(() => tiny.Answer(Create("sparsevlm", null, ("layers", "1,3"), ("counts", "9,4")), Chelsea)).Message, StringComparison.Ordinal);
        Assert.Contains("layer 4", Assert.Throws<InputException>(() => tiny.Answer(Create("fastv", null, ("layer", "4"), ("count", "4")), Chelsea)).Message, StringComparison.Ordinal);
        Assert.Contains("14 heads", Assert.Throws<InputException>(() => tiny.Answer(Create("sparsevlm-plus", null, ("layers", "1"), ("counts", "9")), Chelsea)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void SparseVLM_merges_and_counts_on()
    {
        using var tiny = new Model(Tiny);
        var (picture, _) = tiny.Answer(Create("sparsevlm", null, ("layers", "0,1,2"), ("counts", "20,64,1")), Chelsea);
        using (picture)
        {
            // 44 dropped: 14 recycled, 2 clusters; then at least one goes: 1 recycled, 1 cluster
            Assert.Equal([(20, 2), (21, 1), (1, 1)], picture.Language.Select(r => (r.Kept.Length, r.Merged)));
            Assert.All(picture.Language[0].Kept, token => Assert.InRange(token, 0, 63));
            Assert.All(picture.Language[2].Kept, token => Assert.InRange(token, 0, 66));
            Assert.Equal(2, picture.Kept);
        }
    }

    [Fact]
    public void Methods_in_the_language_model_run_on_other_families()
    {
        foreach (var (model, picture) in new[] { ("qwen2-vl-tiny", "qwen2-vl-tiny/pictures/wide.png"), ("llava-next-tiny", Chelsea), ("internvl2-tiny-qwen2", "internvl2-tiny-qwen2/pictures/square.png") })
        {
            using var loaded = new Model(model);
            foreach (var strategy in new[] { Create("fastv", null, ("layer", "1"), ("count", "5")), Create("sparsevlm", null, ("layers", "0,1"), ("counts", "12,5")), Create("pdrop", null, ("layers", "1"), ("ratios", "0.25")) })
            {
                var (encoded, logits) = loaded.Answer(strategy, picture);
                Assert.NotEmpty(encoded.Language);
                Assert.True(encoded.Kept < encoded.Tokens.Rows, $"{model}, {strategy.Name}");
                Assert.All(logits, logit => Assert.True(float.IsFinite(logit)));
                encoded.Dispose();
            }
        }
    }

    [Fact]
    public void Where_a_method_does_not_fit_it_says_why()
    {
        using var next = new Model("llava-next-tiny");
        Assert.Contains("tiles", Assert.Throws<InputException>(() => next.Encode(Create("divprune", 8), Chelsea)).Message, StringComparison.Ordinal);
        using var siglip = new Model("llava-siglip-tiny");
        Assert.Contains("CLS", Assert.Throws<InputException>(() => siglip.Encode(Create("visionzip", 8), Chelsea)).Message, StringComparison.Ordinal);
        using var encoded = siglip.Encode(Create("divprune", 8), Chelsea)[0];
        Assert.Equal(8, encoded.Tokens.Rows);
        using var tiny = new Model(Tiny);
        Assert.Contains("equal runs", Assert.Throws<InputException>(() => tiny.Encode(Create("holov", 8, ("runs", "7")), Chelsea)).Message, StringComparison.Ordinal);
        Assert.Contains("layer 23", Assert.Throws<InputException>(() => tiny.Encode(Create("cls", 8, ("layer", "23")), Chelsea)).Message, StringComparison.Ordinal);
        Assert.Contains("ends with a picture", Assert.Throws<InputException>(() => tiny.Answer(Create("fastv", 32), Chelsea, "Look: <image>")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_budget_is_given_once_and_whole()
    {
        Refused("fastv", null, "needs a budget");
        Refused("fastv", 8, "give one", ("count", "8"));
        Refused("visionzip", 8, "a part of a budget", ("dominant", "4"));
        Refused("visionzip", null, "dominant and contextual", ("dominant", "4"));
        Refused("pdrop", null, "each layer has its ratio", ("layers", "1,2"), ("ratios", "0.5"));
        Refused("pdrop", null, "is no value of 'layers'", ("layers", "2,1"), ("ratios", "0.5,0.2"));
        Refused("pdrop", null, "is no value of 'ratios'", ("layers", "2"), ("ratios", "1.5"));
        Refused("sparsevlm", null, "each layer has its count", ("counts", "3,2"));
        Refused("sparsevlm", 8, "give counts too", ("layers", "1,2"));
        Refused("divprune", 8, "no options", ("seed", "1"));
        Assert.Equal("fastv", Create("fastv", 8, ("layer", "3")).Name);

        static void Refused(string method, int? keep, string part, params (string, string)[] settings) =>
            Assert.Contains(part, Assert.Throws<InputException>(() => Create(method, keep, settings)).Message, StringComparison.Ordinal);
    }

    /// <summary>An odd list, fewer places than eight, one entry.</summary>
    [Fact]
    public void Thinning_ends_at_what_is_to_be_kept()
    {
        var cosines = new float[11, 11];
        for (var i = 0; i < 11; i++)
        {
            for (var j = 0; j < 11; j++) cosines[i, j] = 1f / (1 + Math.Abs(i - j));
        }

        for (var keep = 0; keep <= 11; keep++)
        {
            var left = VisPruner.Thin(cosines, keep);
            Assert.Equal(keep, left.Distinct().Count());
        }

        // all at even places are equally like a neighbour: the first goes, the others stand in front
        Assert.Equal([2, 4, 6, 8, 10, 1, 3, 5, 7, 9], VisPruner.Thin(cosines, 10));
    }

    [Fact]
    public void Quotas_add_up_and_leave_the_rest_to_the_largest()
    {
        // shares are a millionth short of whole numbers, so that each run loses one, and one each comes back to the largest
        Assert.Equal([4, 2, 1], HoloV.Quotas([4, 2, 1], 7));
        Assert.Equal([5, 1, 1], HoloV.Quotas([4, 1.4f, 1], 7));
        Assert.Equal([1, 0, 0], HoloV.Quotas([1, 1, 1], 1));
        Assert.Equal(64, HoloV.Quotas([.. Enumerable.Range(1, 16).Select(i => i * 0.37f)], 64).Sum());
    }

    [Fact]
    public void Equal_densities_go_by_their_order_and_centres_stand_for_themselves()
    {
        // two pairs of equal points
        var distances = new float[,] { { 0, 0, 3, 3 }, { 0, 0, 3, 3 }, { 3, 3, 0, 0 }, { 3, 3, 0, 0 } };
        var clusters = DensityPeaks.Find(distances, 2, null);
        Assert.Equal([0, 2], clusters.Centres);
        Assert.Equal([0, 0, 1, 1], clusters.Assignment);
        Assert.Equal([0], DensityPeaks.Find(new float[,] { { 0 } }, 1, null).Centres);
    }

    /// <summary>
    /// PyramidDrop before layer l, by the layer's attention of what the layer before put out, is FastV before layer l + 1, which has seen that
    /// attention: of a prompt that is read in two chunks too, the boundary before, in or behind the picture.
    /// </summary>
    [Theory]
    [InlineData(0, 8)]
    [InlineData(500, 8)]
    [InlineData(600, 8)]
    [InlineData(700, 8)]
    [InlineData(100, 600)]
    public void Looking_ahead_sees_what_the_layer_sees(int before, int after)
    {
        using var tiny = new Model(Tiny);
        var prompt = string.Concat(Enumerable.Repeat("1", before)) + "<image>" + string.Concat(Enumerable.Repeat("2", after));
        foreach (var layer in new[] { 1, 2 })
        {
            using var ahead = tiny.Answer(Create("pdrop", null, ("layers", $"{layer}"), ("ratios", "0.25")), Chelsea, prompt).Picture;
            using var seen = tiny.Answer(Create("fastv", null, ("layer", $"{layer + 1}"), ("count", "16")), Chelsea, prompt).Picture;
            Assert.Equal((layer - 1, layer), (ahead.Language[0].Layer, seen.Language[0].Layer));
            Assert.Equal(seen.Language[0].Kept, ahead.Language[0].Kept);
        }
    }

    [Fact]
    public void Raters_may_be_more_than_a_chunk_of_rows()
    {
        using var tiny = new Model(Tiny);
        var prompt = "Look: <image>" + string.Concat(Enumerable.Repeat("all the words that there are, and 7 more; ", 40));
        var (picture, logits) = tiny.Answer(Create("sparsevlm", null, ("layers", "0,1"), ("counts", "20,6")), Chelsea, prompt);
        using (picture)
        {
            Assert.Equal([20, 6], picture.Language.Select(r => r.Kept.Length));
            Assert.All(logits, logit => Assert.True(float.IsFinite(logit)));
        }
    }

    [Fact]
    public void Equal_scores_go_by_their_order_and_what_is_no_number_is_refused()
    {
        Assert.Equal([1, 3, 0, 2], Ranking.Descending([0, 2, -0f, 2]));
        Assert.Equal([1, 3], Ranking.Top([0, 2, 1, 2], 2));
        Assert.Equal([0, 1], Ranking.Top([5, 5, 5], 2));
        Assert.Empty(Ranking.Top([], 0));
        Assert.Contains("layer 3", Assert.Throws<ComputationException>(() => Ranking.Check([0, float.NaN], "layer 3")).Message, StringComparison.Ordinal);
    }

    /// <summary>Counts and layers of published tables in models of other sizes.</summary>
    [Fact]
    public void Other_sizes_are_in_proportion()
    {
        Assert.Equal([2, 6, 15], PublishedSizes.Layers("x", [2, 6, 15], 32, 2));
        Assert.Equal([2, 5, 13], PublishedSizes.Layers("x", [2, 6, 15], 28, 2));
        Assert.Equal([1, 2, 3], PublishedSizes.Layers("x", [2, 6, 15], 5, 2));
        Assert.Equal(192, PublishedSizes.Nearest([64, 128, 192], row => row, 20, 64));
        // as far from 128 as from 192: the larger
        Assert.Equal(192, PublishedSizes.Nearest([64, 128, 192], row => row, 160, 576));
        Assert.Equal([5, 4, 1, 1], PublishedSizes.Falling([9, 8, 1, 7], 6));
        Assert.Equal(2, PublishedSizes.Count(5, 2, 1));
    }

    [Theory]
    [InlineData(600, 640, 5, 600)]
    [InlineData(641, 640, 1, 640)]
    [InlineData(700, 640, 100, 600)]
    [InlineData(1400, 640, 100, 640)]
    [InlineData(900, 640, 800, 100)]
    [InlineData(800, 640, 800, 800)]
    public void The_last_chunk_of_a_prompt_has_all_queries(int remaining, int most, int queries, int next) => Assert.Equal(next, PromptChunks.Next(remaining, most, queries));

    private static IPruningStrategy Create(string method, int? keep, params (string Name, string Value)[] settings) =>
        PruningMethod.Find(method).Create(keep, settings.ToDictionary(s => s.Name, s => s.Value));

    /// <summary>A strategy is asked for its form for the question.</summary>
    [Fact]
    public async Task A_strategy_learns_the_question()
    {
        using var cpu = new CpuBackend();
        using var model = VisionLanguageModel.Load(Goldens.Require(Tiny), new LoadOptions { Backend = cpu, PrepareKernels = false });
        var asked = new List<string>();
        var picture = PictureFile.Load(Goldens.Require(Chelsea)).Image;
        var answer = model.GenerateAsync("Who?", picture, new() { MaxTokens = 1, Pruning = new LanguageStageStrategy(new Curious(asked), new LanguageStage(4, 1)) });
        await foreach (var _ in answer) { }
        Assert.Equal(["Who?"], asked);
        Assert.Equal((9, 4), (answer.EnteredTokens, answer.KeptTokens));
    }

    private sealed class Curious(List<string> asked) : IPruningStrategy
    {
        public string Name => "curious";

        public int Keep => 64;

        public bool PrunesEncoder => true;

        public IPruningStrategy About(string question)
        {
            asked.Add(question);
            return Create("uniform", 9);
        }
    }

    private sealed class Model : IDisposable
    {
        private readonly CpuBackend _cpu = new();
        private readonly VisionLanguageModel _model;

        public Model(string name) => _model = VisionLanguageModel.Load(Goldens.Require(name), new LoadOptions { Backend = _cpu, PrepareKernels = false });

        public EncodedPicture[] Encode(IPruningStrategy? strategy, params string[] pictures) =>
            _model.Encode([.. pictures.Select(p => _model.Prepare(PictureFile.Load(Goldens.Require(p)).Image))], strategy);

        public (EncodedPicture Picture, float[] Logits) Answer(IPruningStrategy strategy, string picture, string? rawPrompt = null)
        {
            var prompt = _model.Tokenize([new ChatTurn(rawPrompt ?? "What animal is in the picture?")], 1, new() { RawPrompt = rawPrompt is not null });
            var encoded = Encode(strategy, picture)[0];
            using var session = _model.Prefill(prompt, [encoded], 4, strategy);
            session.Append(session.ArgMax(_model.Tokenizer.MaxId + 1));
            return (encoded, session.Logits.ToArray());
        }

        public float[] Values(EncodedPicture picture)
        {
            var values = new float[picture.Tokens.Rows * picture.Tokens.Columns];
            _cpu.Download(picture.Tokens, values);
            return values;
        }

        public void Dispose()
        {
            _model.Dispose();
            _cpu.Dispose();
        }
    }
}

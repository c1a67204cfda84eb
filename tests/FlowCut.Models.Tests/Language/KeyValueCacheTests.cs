using FlowCut.Kernels;
using FlowCut.Models.Backends.Cpu;
using FlowCut.Models.Backends.Cuda;
using FlowCut.Models.Families;
using FlowCut.Models.Generation;
using FlowCut.Models.Language;
using FlowCut.Testing;
using static FlowCut.Testing.Goldens;

namespace FlowCut.Models.Tests.Language;

public class KeyValueCacheTests
{
    private static readonly LanguageConfig s_config = LanguageConfig.Vicuna7B with { HiddenSize = 64, Layers = 3, Heads = 8, KeyValueHeads = 2, HeadSize = 8 };

    /// <summary>The CPU, and the devices on which a session's steps are recorded.</summary>
    public static TheoryData<string> Devices => ["cpu", TestDevices.Simulator, TestDevices.Gpu];

    [Fact]
    public void Every_layer_has_its_own_rows_for_keys_and_values()
    {
        using var backend = new CpuBackend(1);
        using var cache = new KeyValueCache(backend, s_config, [10, 10, 10]);
        Assert.Equal((10, 0), (cache.Capacity, cache.Length));
        Assert.Equal(3L * 2 * 10 * 2 * 8 * sizeof(float), cache.Bytes);
        var tensors = Enumerable.Range(0, 3).SelectMany(layer => new[] { cache.Keys(layer), cache.Values(layer) }).ToArray();
        Assert.All(tensors, t => Assert.Equal((10, 16), (t.Rows, t.Columns)));
        Assert.Equal(6, tensors.Select(t => t.Buffer).Distinct().Count());
    }

    [Fact]
    public void Disposing_twice_is_allowed_and_using_it_afterwards_is_not()
    {
        using var backend = new CpuBackend(1);
        var cache = new KeyValueCache(backend, s_config, [4, 4, 4]);
        var keys = cache.Keys(0);
        cache.Dispose();
        cache.Dispose();
        Assert.Throws<ObjectDisposedException>(() => backend.Download(keys, new float[4 * 16]));
    }

    /// <summary>A session reserves prompt and answer; a token more is refused before anything is written.</summary>
    [Fact]
    public void A_full_cache_takes_no_further_token()
    {
        using var model = VisionLanguageModel.Load(Require("llava-1.5-tiny"));
        var cancellation = TestContext.Current.CancellationToken;
        var prompt = model.Tokenize([new ChatTurn("Hello")], 0, new GenerationOptions());
        using var session = model.Prefill(prompt, [], 2, cancellation: cancellation);
        session.Append(5, cancellation);
        session.Append(6, cancellation);
        var (length, logits) = (session.Length, session.Logits.ToArray());
        Assert.Equal(prompt.Ids.Length + 2, length);
        Assert.Throws<InvalidOperationException>(() => session.Append(7, cancellation));
        Assert.Equal(length, session.Length);
        Assert.Equal(logits, session.Logits.ToArray());
    }

    /// <summary>Reading a prompt at once or token by token fills the same cache: the logits agree to rounding.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void Prefill_and_appending_agree(string device)
    {
        using var model = Load(device);
        var cancellation = TestContext.Current.CancellationToken;
        int[] ids = [1, 40, 77, 300, 12, 9, 501, 33, 8, 21, 5, 64];
        using var whole = model.Prefill(new PromptTokens(ids), [], 1, cancellation: cancellation);
        using var stepwise = model.Prefill(new PromptTokens(ids[..1]), [], ids.Length, cancellation: cancellation);
        var expected = whole.Logits.ToArray();
        foreach (var id in ids[1..]) stepwise.Append(id, cancellation);
        var actual = stepwise.Logits.ToArray();
        Assert.Equal(expected.Length, actual.Length);
        var scale = expected.Max(Math.Abs);
        // a few hundred roundings of 2⁻²⁴ per layer
        for (var i = 0; i < expected.Length; i++) Assert.InRange(actual[i] - expected[i], -2e-5f * scale, 2e-5f * scale);
    }

    /// <summary>Sessions of one model take turns, a long prompt between them; what one has computed stays its own.</summary>
    [Theory]
    [MemberData(nameof(Devices))]
    public void Sessions_that_take_turns_do_not_see_each_other(string device)
    {
        using var model = Load(device);
        var cancellation = TestContext.Current.CancellationToken;
        int[][] prompts = [[1, 40, 77], [1, 300, 12, 9]];
        var alone = prompts.Select(ids =>
        {
            using var session = model.Prefill(new PromptTokens(ids), [], 4, cancellation: cancellation);
            return Enumerable.Range(0, 4).Select(_ => Next(session)).ToArray();
        }).ToArray();

        var sessions = prompts.Select(ids => model.Prefill(new PromptTokens(ids), [], 4, cancellation: cancellation)).ToArray();
        for (var step = 0; step < 4; step++)
        {
            // larger working memory for prompts must not be what recorded steps go on using
            if (step == 3) model.Prefill(new PromptTokens([.. Enumerable.Range(1, 60)]), [], 1, cancellation: cancellation).Dispose();
            // read both before either goes on
            var logits = sessions.Select(s => s.Logits.ToArray()).ToArray();
            for (var i = 0; i < 2; i++)
            {
                Assert.Equal(alone[i][step].Logits, logits[i]);
                Assert.Equal(alone[i][step], Next(sessions[i]), (a, b) => a.Token == b.Token);
            }
        }

        foreach (var session in sessions) session.Dispose();

        (int Token, float[] Logits) Next(DecodingSession session)
        {
            var next = (session.ArgMax(1000), session.Logits.ToArray());
            session.Append(next.Item1, cancellation);
            return next;
        }
    }

    [Fact]
    public void Token_numbers_outside_the_vocabulary_are_refused()
    {
        using var model = VisionLanguageModel.Load(Require("llava-1.5-tiny"));
        using var session = model.Prefill(new PromptTokens([1, 2]), [], 4, cancellation: TestContext.Current.CancellationToken);
        Assert.ThrowsAny<ArgumentException>(() => session.Append(-7, TestContext.Current.CancellationToken));
        Assert.ThrowsAny<ArgumentException>(() => session.Append(model.Description.Language.VocabularySize, TestContext.Current.CancellationToken));
        Assert.ThrowsAny<ArgumentException>(() => model.Prefill(new PromptTokens([int.MaxValue]), [], 4, cancellation: TestContext.Current.CancellationToken));
    }

    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void A_token_after_the_second_is_one_launch_of_a_graph_and_allocates_nothing(string device)
    {
        using var model = Load(device);
        var cancellation = TestContext.Current.CancellationToken;
        using var session = model.Prefill(new PromptTokens([1, 40, 77]), [], 8, cancellation: cancellation);
        var inUse = 0L;
        for (var token = 3; token < 9; token++)
        {
            // the first loads kernels, the second records them
            if (token == 5) inUse = ((CudaBackend)model.Backend).BytesInUse;
            var before = GC.GetAllocatedBytesForCurrentThread();
            session.Append(token, cancellation);
            if (token >= 5) Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        model.Backend.Wait();
        Assert.Equal(inUse, ((CudaBackend)model.Backend).BytesInUse);
        Assert.True(session.RecordedOperations > 4 * 8, $"{session.RecordedOperations} operations in the graph");
    }

    private static VisionLanguageModel Load(string device) => VisionLanguageModel.Load(Require("llava-1.5-tiny"), device == "cpu" ? null : new LoadOptions
    {
        CreateBackend = _ => CudaBackend.Open(device, TestDevices.Require(device), activations: ElementType.Float32),
    });
}

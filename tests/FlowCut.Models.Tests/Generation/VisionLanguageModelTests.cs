using System.Text.Json.Nodes;
using FlowCut.Models.Backends.Cpu;
using FlowCut.Models.Families;
using FlowCut.Models.Generation;
using FlowCut.Models.Imaging;
using FlowCut.Models.Pruning;
using FlowCut.Models.Tests.Checkpoints;
using static FlowCut.Testing.Goldens;

namespace FlowCut.Models.Tests.Generation;

/// <summary>The public life of a model: answers, cancellation, several at once, and the end.</summary>
public class VisionLanguageModelTests
{
    private static readonly GenerationOptions s_eight = new() { MaxTokens = 8, IgnoreEndTokens = true };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_answer_tells_what_it_cost_and_is_made_once()
    {
        using var model = Open();
        var answer = model.GenerateAsync("What is this?", Picture(), s_eight with { Pruning = new FlowCutStrategy(FlowCutOptions.Released(16)) });
        Assert.Equal(FinishReason.None, answer.Finish);
        var pieces = await ReadAll(answer);
        Assert.Equal(pieces.Take(8).Select(p => p.Token), answer.Tokens);
        Assert.Equal(FinishReason.Length, answer.Finish);
        Assert.Equal(16, Assert.Single(answer.Records).Kept.Length);
        Assert.All(answer.Records[0].Kept.Zip(answer.Records[0].Kept.Skip(1)), pair => Assert.True(pair.First < pair.Second));

        var prompt = model.Tokenize([new ChatTurn("What is this?")], 1, s_eight);
        Assert.Equal(prompt.Ids.Length - 1 + 16, answer.PromptLength);
        var language = model.Description.Language;
        Assert.Equal((answer.PromptLength + 8L) * language.Layers * 2 * language.KeyValueHeads * language.HeadSize * sizeof(float), answer.CacheBytes);
        Assert.True(answer.Times is { Preprocess: > 0, Vision: > 0, Prefill: > 0, Decode: > 0 });
        await Assert.ThrowsAsync<InvalidOperationException>(() => ReadAll(answer));
    }

    [Fact]
    public async Task The_same_request_gives_the_same_answer_whatever_ran_before()
    {
        using var model = Open();
        var first = await Ids(model, 7);
        await Ids(model, 33);
        Assert.Equal(first, await Ids(model, 7));
        using var other = Open();
        Assert.Equal(first, await Ids(other, 7));

        static async Task<int[]> Ids(VisionLanguageModel model, int keep) =>
            [.. (await ReadAll(model.GenerateAsync("Hello", Picture(), s_eight with { Pruning = new FlowCutStrategy(FlowCutOptions.Released(keep)) }))).Select(p => p.Token)];
    }

    [Fact]
    public async Task One_seed_gives_one_sampled_answer_and_seeds_differ()
    {
        using var model = Open();
        var answers = new List<string>();
        foreach (var seed in new ulong[] { 1, 1, 2, 3 })
        {
            var answer = model.GenerateAsync("Hello", Picture(), s_eight with { Temperature = 1.5f, Seed = seed });
            await ReadAll(answer);
            answers.Add(string.Join(' ', answer.Tokens));
        }

        Assert.Equal(answers[0], answers[1]);
        Assert.Equal(3, answers.Distinct().Count());
    }

    [Fact]
    public async Task Cancelling_stops_after_the_token_in_the_making_and_the_model_goes_on()
    {
        using var model = Open();
        var whole = await ReadAll(model.GenerateAsync("Hello", Picture(), s_eight));
        foreach (var after in new[] { 0, 1, 3 })
        {
            using var source = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
            var answer = model.GenerateAsync("Hello", Picture(), s_eight);
            if (after == 0) await source.CancelAsync();
            var e = await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
            {
                await foreach (var _ in answer.WithCancellation(source.Token))
                {
                    if (answer.Tokens.Count == after) await source.CancelAsync();
                }
            });
            Assert.Equal(source.Token, e.CancellationToken);
            Assert.Equal(FinishReason.Cancelled, answer.Finish);
            Assert.Equal(whole.Take(after).Select(p => p.Token), answer.Tokens);
        }

        Assert.Equal(whole, await ReadAll(model.GenerateAsync("Hello", Picture(), s_eight)));
    }

    [Fact]
    public async Task Leaving_the_enumeration_early_leaves_the_model_usable()
    {
        using var model = Open();
        var whole = await ReadAll(model.GenerateAsync("Hello", Picture(), s_eight));
        await foreach (var piece in model.GenerateAsync("Hello", Picture(), s_eight).WithCancellation(Cancellation))
        {
            Assert.Equal(whole[0], piece);
            break;
        }

        Assert.Equal(whole, await ReadAll(model.GenerateAsync("Hello", Picture(), s_eight)));
    }

    [Fact]
    public async Task Two_models_answer_at_the_same_time()
    {
        var options = s_eight with { MaxTokens = 24 };
        using var first = Open();
        using var second = Open();
        var expected = new[] { await ReadAll(first.GenerateAsync("Hello", Picture(), options)), await ReadAll(first.GenerateAsync("What is this?", Picture(9), options)) };
        for (var repeat = 0; repeat < 3; repeat++)
        {
            var answers = await Task.WhenAll(
                Task.Run(() => ReadAll(first.GenerateAsync("Hello", Picture(), options)), Cancellation),
                Task.Run(() => ReadAll(second.GenerateAsync("What is this?", Picture(9), options)), Cancellation));
            Assert.Equal(expected[0], answers[0]);
            Assert.Equal(expected[1], answers[1]);
        }
    }

    [Fact]
    public async Task A_backend_that_was_given_stays_the_callers_and_serves_several_models()
    {
        using var backend = new CpuBackend(2);
        using var own = Open();
        var expected = await ReadAll(own.GenerateAsync("Hello", Picture(), s_eight));
        for (var i = 0; i < 2; i++)
        {
            using var model = VisionLanguageModel.Load(Require("llava-1.5-tiny"), new LoadOptions { Backend = backend });
            Assert.Same(backend, model.Backend);
            Assert.Equal(expected, await ReadAll(model.GenerateAsync("Hello", Picture(), s_eight)));
        }
    }

    /// <summary>Weights are mapped: after disposal their addresses are no one's, so every way in must be closed.</summary>
    [Fact]
    public async Task After_disposal_everything_that_computes_is_refused()
    {
        var model = Open();
        var picture = model.Prepare(Picture());
        var prompt = model.Tokenize([new ChatTurn("Hello")], 0, s_eight);
        var session = model.Prefill(prompt, [], 8, cancellation: Cancellation);
        var late = model.GenerateAsync([new ChatTurn("Hello")], [], s_eight);
        model.Dispose();
        model.Dispose();

        Assert.Throws<ObjectDisposedException>(() => model.GenerateAsync("Hello", Picture(), s_eight));
        Assert.Throws<ObjectDisposedException>(() => model.Encode([picture], cancellation: Cancellation));
        Assert.Throws<ObjectDisposedException>(() => model.Prefill(prompt, [], 8, cancellation: Cancellation));
        Assert.Throws<ObjectDisposedException>(() => session.Append(1, Cancellation));
        await Assert.ThrowsAsync<ObjectDisposedException>(() => ReadAll(late));
        session.Dispose();
        session.Dispose();
    }

    [Fact]
    public void Prompts_that_do_not_fit_are_refused()
    {
        using var model = Open();
        Refused("empty", () => model.GenerateAsync("  ", Picture()));
        Refused("one picture, 2", () => model.GenerateAsync([new ChatTurn("a")], [Picture(), Picture()], null));
        Refused("0 picture markers", () => model.GenerateAsync("no marker", Picture(), new GenerationOptions { RawPrompt = true }));
        Refused("1 picture markers", () => model.GenerateAsync([new ChatTurn("<image> a")], [], new GenerationOptions { RawPrompt = true }));
        var context = model.Description.Language.ContextLength;
        var ids = new PromptTokens([.. Enumerable.Repeat(1, context + 1)]);
        Refused($"{context + 1} tokens", () => model.Prefill(ids, [], 1, cancellation: Cancellation));
        Assert.Throws<ArgumentNullException>(() => model.Prepare(null!));

        static void Refused(string part, Func<object> call) => Assert.Contains(part, Assert.Throws<InputException>(call).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-3)]
    [InlineData(65)]
    public async Task A_budget_that_the_encoder_cannot_meet_is_refused(int keep)
    {
        using var model = Open();
        var e = await Assert.ThrowsAsync<InputException>(() => ReadAll(model.GenerateAsync("Hello", Picture(), s_eight with { Pruning = new FlowCutStrategy(FlowCutOptions.Released(keep)) })));
        Assert.Contains($"{keep}", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_answer_stops_where_the_context_ends()
    {
        using var folder = new CheckpointFiles();
        foreach (var file in Directory.GetFiles(Require("llava-1.5-tiny"))) File.Copy(file, folder.Path(Path.GetFileName(file)));
        var configuration = await File.ReadAllTextAsync(folder.Path("config.json"), Cancellation);
        const int context = 150;
        await File.WriteAllTextAsync(folder.Path("config.json"), configuration.Replace("\"max_position_embeddings\": 4096", $"\"max_position_embeddings\": {context}", StringComparison.Ordinal), Cancellation);
        using var model = VisionLanguageModel.Load(folder.Folder);
        Assert.Equal(context, model.Description.Language.ContextLength);
        var answer = model.GenerateAsync("Hello", Picture(), new GenerationOptions { MaxTokens = int.MaxValue, IgnoreEndTokens = true });
        await ReadAll(answer);
        Assert.Equal(FinishReason.Length, answer.Finish);
        // the last token is the answer's, but is not read any more
        Assert.Equal(context + 1, answer.PromptLength + answer.Tokens.Count);
    }

    /// <summary>Positions may not pass the context either: with the original ones the gaps count.</summary>
    [Fact]
    public async Task Positions_end_where_the_context_does()
    {
        using var folder = new CheckpointFiles();
        foreach (var file in Directory.GetFiles(Require("llava-1.5-tiny"))) File.Copy(file, folder.Path(Path.GetFileName(file)));
        var config = JsonNode.Parse(File.ReadAllText(folder.Path("config.json")))!;
        const int Context = 110;
        config["text_config"]!["max_position_embeddings"] = Context;
        File.WriteAllText(folder.Path("config.json"), config.ToJsonString());
        using var model = VisionLanguageModel.Load(folder.Folder);
        var unpruned = model.Tokenize([new ChatTurn("Hello")], 1, s_eight).Ids.Length - 1 + 64;
        Assert.InRange(unpruned, Context - 20, Context);
        var compact = Ask("Hello", PositionPolicy.Compact);
        await ReadAll(compact);
        Assert.Equal(20, compact.Tokens.Count);
        var original = Ask("Hello", PositionPolicy.Original);
        await ReadAll(original);
        Assert.Equal(Context - unpruned + 1, original.Tokens.Count);
        await ReadAll(Ask("Hello, who are you, and what do you see in there?", PositionPolicy.Compact));
        var e = await Assert.ThrowsAsync<InputException>(() => ReadAll(Ask("Hello, who are you, and what do you see in there?", PositionPolicy.Original)));
        Assert.Contains($"context is {Context}", e.Message, StringComparison.Ordinal);

        Answer Ask(string question, PositionPolicy positions) => model.GenerateAsync(question, Picture(), new GenerationOptions
        {
            MaxTokens = 20,
            IgnoreEndTokens = true,
            Pruning = new FlowCutStrategy(FlowCutOptions.Released(8) with { Positions = positions }),
        });
    }

    private static VisionLanguageModel Open() => VisionLanguageModel.Load(Require("llava-1.5-tiny"));

    private static async Task<List<AnswerPiece>> ReadAll(Answer answer)
    {
        var pieces = new List<AnswerPiece>();
        await foreach (var piece in answer.WithCancellation(Cancellation)) pieces.Add(piece);
        return pieces;
    }

    private static RgbImage Picture(int step = 3)
    {
        var pixels = new byte[90 * 70 * 3];
        for (var i = 0; i < pixels.Length; i++) pixels[i] = (byte)(i * step + (i / 270 % 9 * 20));
        return new RgbImage(90, 70, pixels);
    }
}

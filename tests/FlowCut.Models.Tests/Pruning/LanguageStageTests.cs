using FlowCut.Imaging.Skia;
using FlowCut.Models.Backends.Cpu;
using FlowCut.Models.Families;
using FlowCut.Models.Pruning;
using FlowCut.Models.Pruning.Reference;
using FlowCut.Models.Tests.Parity;
using FlowCut.Testing;

namespace FlowCut.Models.Tests.Pruning;

/// <summary>A stage in the language model of any family: what it drops, what it leaves alone, what it saves.</summary>
public class LanguageStageTests
{
    private const int Keep = 8, Layer = 1;

    [Theory]
    [InlineData(null)]
    [InlineData(24)]
    public void On_LLaVA_1_5_it_keeps_what_the_reference_keeps_and_all_text(int? encoderKeep)
    {
        using var run = new StageRun("llava-1.5-tiny", Chelsea, encoderKeep, new LanguageStage(Keep, Layer), PositionPolicy.Original);
        var (query, value, keys, values) = Assert.Single(run.Recorder.Rows);
        Assert.Equal(encoderKeep ?? 64, keys[0].Length);
        var score = FlowReference.TextGuided(query, value, keys, values).Score;
        var kept = FlowReference.SelectTop(score, Keep);
        var record = Assert.Single(run.Picture.Language);
        Assert.Equal(Layer, record.Layer);
        Assert.Equal(kept, record.Kept);
        // the reference itself is sure of it
        var descending = score.OrderDescending().ToArray();
        Assert.True(descending[Keep - 1] - descending[Keep] > 4e-5 * descending[0]);

        // rows are known by the positions that they keep: all of the text, and of the picture those that were selected
        var before = run.Recorder.PromptPositions[Layer][0];
        var visual = Enumerable.Range(run.FirstVisual, encoderKeep ?? 64).ToArray();
        var expected = before.Where((_, row) => !visual.Contains(row) || kept.Contains(row - run.FirstVisual));
        Assert.Equal(before, run.Recorder.PromptPositions[0][0]);
        Assert.Equal(expected, run.Recorder.PromptPositions[Layer + 1][0]);
        Assert.Equal(run.Recorder.PromptPositions[Layer + 1][0], run.Recorder.PromptPositions[^1][0]);
    }

    [Fact]
    public void Behind_it_caches_are_shorter_and_positions_without_gaps()
    {
        using var whole = new StageRun("llava-1.5-tiny", Chelsea, null, null, null);
        using var run = new StageRun("llava-1.5-tiny", Chelsea, null, new LanguageStage(Keep, Layer), null);
        const int Dropped = 64 - Keep;
        var language = run.Model.Description.Language;
        // keys and values in fp32 of the layers behind it
        Assert.Equal((language.Layers - Layer - 1) * 2L * Dropped * language.KeyValueHeads * language.HeadSize * sizeof(float), whole.CacheBytes - run.CacheBytes);
        var rows = whole.Recorder.PromptPositions[0][0].Length;
        Assert.Equal(Enumerable.Range(0, rows), run.Recorder.PromptPositions[Layer][0]);
        Assert.Equal(Enumerable.Range(0, rows - Dropped), run.Recorder.PromptPositions[Layer + 1][0]);
        Assert.Equal([rows, rows + 1], run.Recorder.DecodePositions[0]);
        Assert.Equal([rows - Dropped, rows - Dropped + 1], run.Recorder.DecodePositions[1]);
        Assert.Equal([rows, rows + 1], Assert.Single(whole.Recorder.DecodePositions));
    }

    /// <summary>Families whose FlowCut has a stage of its own.</summary>
    [Theory]
    [InlineData("llava-next-mistral-tiny", "llava-next-mistral-tiny/pictures/tall.png", 16)]
    [InlineData("qwen2-vl-tiny", "qwen2-vl-tiny/pictures/wide.png", 8)]
    public void Off_takes_away_the_familys_own(string model, string picture, int keep)
    {
        using var usual = new StageRun(model, picture, keep, null, null);
        using var off = new StageRun(model, picture, keep, null, null, off: true);
        Assert.Equal(keep, Assert.Single(usual.Picture.Language).Kept.Length);
        Assert.Equal(keep, usual.Picture.Kept);
        Assert.Empty(off.Picture.Language);
        Assert.Equal(off.Picture.Tokens.Rows, off.Picture.Kept);
        Assert.Equal(usual.Picture.Tokens.Rows, off.Picture.Tokens.Rows);
        Assert.Equal(2, usual.Recorder.DecodePositions.Count);
        Assert.Single(off.Recorder.DecodePositions);
        Assert.True(off.CacheBytes > usual.CacheBytes);
    }

    /// <summary>A picture may be asked about twice: what is written down is the last prompt's.</summary>
    [Fact]
    public void Of_a_picture_that_is_read_again_the_last_reading_is_recorded()
    {
        using var run = new StageRun("llava-1.5-tiny", Chelsea, null, new LanguageStage(Keep, Layer), null);
        var prompt = run.Model.Tokenize([new ChatTurn("Why?")], 1, new());
        run.Model.Prefill(prompt, [run.Picture], 4, new LanguageStageStrategy(null, new LanguageStage(5, 0)), cancellation: TestContext.Current.CancellationToken).Dispose();
        var record = Assert.Single(run.Picture.Language);
        Assert.Equal((0, 5), (record.Layer, record.Kept.Length));
        run.Model.Prefill(prompt, [run.Picture], 4, cancellation: TestContext.Current.CancellationToken).Dispose();
        Assert.Empty(run.Picture.Language);
    }

    private const string Chelsea = "pictures/chelsea.png";

    private sealed class StageRun : IDisposable
    {
        private readonly CpuBackend _cpu = new();

        public StageRun(string model, string picture, int? keep, LanguageStage? stage, PositionPolicy? positions, bool off = false)
        {
            Recorder = new StageRecorder(_cpu);
            Model = VisionLanguageModel.Load(Goldens.Require(model), new LoadOptions { Backend = Recorder, PrepareKernels = false });
            // keeping every patch, or no strategy, prunes nothing in the encoder
            IPruningStrategy? strategy = (keep ?? (positions is null ? null : 64)) is { } n ? new FlowCutStrategy(FlowCutOptions.Released(n) with { Positions = positions }) : null;
            if (stage is not null || off) strategy = new LanguageStageStrategy(strategy, stage);
            var prompt = Model.Tokenize([new ChatTurn("What animal is in the picture?")], 1, new());
            FirstVisual = Array.IndexOf(prompt.Ids, PromptTokens.Picture);
            Picture = Assert.Single(Model.Encode([Model.Prepare(PictureFile.Load(Goldens.Require(picture)).Image)], strategy));
            // what the encoder without CLS tokens asked for is another matter
            Recorder.Rows.Clear();
            using var session = Model.Prefill(prompt, [Picture], 4, strategy);
            CacheBytes = session.CacheBytes;
            for (var i = 0; i < 2; i++) session.Append(session.ArgMax(Model.Tokenizer.MaxId + 1));
        }

        public VisionLanguageModel Model { get; }

        public StageRecorder Recorder { get; }

        public EncodedPicture Picture { get; }

        public int FirstVisual { get; }

        public long CacheBytes { get; }

        public void Dispose()
        {
            Picture.Dispose();
            Model.Dispose();
            _cpu.Dispose();
        }
    }
}

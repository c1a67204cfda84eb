using FlowCut.Models.Backends;
using FlowCut.Models.Backends.Cpu;
using FlowCut.Models.Backends.Cuda;
using FlowCut.Models.Pruning;
using FlowCut.Testing;

namespace FlowCut.Models.Tests.Pruning;

/// <summary>A device scores only so many patches of a picture: it is said before the encoder's first layer, not by a kernel.</summary>
public class ScoreLimitTests
{
    private const int Most = 16384;

    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void A_picture_of_too_many_patches_is_refused_in_plain_words(string device)
    {
        using var backend = CudaBackend.Open("sim", TestDevices.Require(device));
        Assert.Equal(Most, backend.MaxScores);
        var e = Assert.Throws<InputException>(() => new FlowCutStrategy(FlowCutOptions.Paper(64)).BeginEncoder(Encoder(backend, Most + 4)));
        Assert.Equal("pruning on sim scores at most 16384 patches of a picture, and this one has 16388; a smaller picture (--max-pixels) has fewer, and the CPU has no such limit", e.Message);
        e = Assert.Throws<InputException>(() => new LanguageStageStrategy(null, new LanguageStage(64, 1)).BeginDecoder(Decoder(backend, Most + 1)));
        Assert.Contains("at most 16384 ", e.Message, StringComparison.Ordinal);
        Assert.Contains("has 16385;", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void The_limit_itself_is_possible_and_so_is_anything_that_is_not_scored(string device)
    {
        using var backend = CudaBackend.Open("sim", TestDevices.Require(device));
        using (var run = new FlowCutStrategy(FlowCutOptions.Paper(64)).BeginEncoder(Encoder(backend, Most))) Assert.NotNull(run);
        Assert.Null(new FlowCutStrategy(FlowCutOptions.Paper((Most + 4) / 4)).BeginEncoder(Encoder(backend, Most + 4)));
        Assert.Null(new LanguageStageStrategy(null, new LanguageStage(Most + 1, 1)).BeginDecoder(Decoder(backend, Most + 1)));
    }

    [Fact]
    public void The_processor_has_no_limit()
    {
        using var backend = new CpuBackend(1);
        using var run = new FlowCutStrategy(FlowCutOptions.Paper(64)).BeginEncoder(Encoder(backend, 4 * Most));
        Assert.NotNull(run);
    }

    private static EncoderStage Encoder(Backend backend, int patches) => new()
    {
        Backend = backend,
        LayersRun = 4,
        Depth = 4,
        LastPruningLayer = 3,
        Heads = 1,
        HeadSize = 16,
        HasClass = false,
        GroupSize = 4,
        Form = PictureForm.Native,
        Sequences = new Sequences(0, patches),
        Records = [new PruningRecord(patches, null, 4)],
    };

    private static DecoderStage Decoder(Backend backend, int tokens) => new()
    {
        Backend = backend,
        Layers = 4,
        Heads = 1,
        KeyValueHeads = 1,
        HeadSize = 16,
        Rows = tokens + 2,
        Pictures = [new VisualRows(1, tokens, [])],
    };
}

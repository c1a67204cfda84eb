using FlowCut.Kernels;
using FlowCut.Models.Backends.Cuda;
using FlowCut.Models.Families;
using FlowCut.Models.Imaging;
using FlowCut.Models.Pruning;
using FlowCut.Models.Vision;
using FlowCut.Testing;
using static FlowCut.Testing.Goldens;

namespace FlowCut.Models.Tests.Vision;

/// <summary>
/// A recorded encoder, whose counts the device makes, against the same encoder queued layer by layer with the host's counts,
/// which the golden tests hold to the authors' code.
/// </summary>
public class RecordedEncoderTests
{
    private static readonly FlowCutOptions s_released = FlowCutOptions.Released(16);

    /// <summary>Ways to prune, and pictures of a batch.</summary>
    private static readonly (string Name, FlowCutOptions? Options, int Pictures)[] s_ways =
    [
        ("nothing is pruned", null, 1),
        ("as released", s_released, 1),
        ("a batch that shares its counts", s_released, 3),
        ("a batch with counts of its own", s_released with { Count = CountPolicy.PerTile, PruneEvery = 3 }, 3),
        ("all but one stay", FlowCutOptions.Paper(63), 1),
        ("one stays", s_released with { Keep = 1, Schedule = PruningSchedule.Fixed(0.3) }, 2),
        ("a profile", s_released with { Schedule = PruningSchedule.Profile }, 1),
        ("one event", s_released with { Schedule = PruningSchedule.SingleLayer(4) }, 2),
        ("nothing to drop", s_released with { Keep = 64 }, 1),
    ];

    public static TheoryData<string, string> Ways()
    {
        var data = new TheoryData<string, string>();
        foreach (var device in new[] { TestDevices.Simulator, TestDevices.Gpu })
        {
            foreach (var (name, _, _) in s_ways) data.Add(device, name);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Ways))]
    public void Recorded_and_queued_encoders_agree(string device, string way)
    {
        var (_, options, pictures) = Array.Find(s_ways, w => w.Name == way);
        Compare(device, ElementType.Float32, options, pictures);
    }

    /// <summary>On a device whose products depend on their size the roundings may differ; the simulator's do not.</summary>
    [Theory]
    [InlineData(ElementType.Float16)]
    [InlineData(ElementType.BFloat16)]
    public void They_agree_in_sixteen_bits(ElementType type) => Compare(TestDevices.Simulator, type, s_released, 2);

    private static void Compare(string device, ElementType type, FlowCutOptions? options, int pictures)
    {
        using var queued = Load(device, EncoderWork.Queued, type);
        using var recorded = Load(device, EncoderWork.Recorded, type);
        // the first repetition is queued, the second recorded, the third only launched
        for (var repetition = 0; repetition < 3; repetition++)
        {
            PreprocessedPicture[] batch = [.. Enumerable.Range(0, pictures).Select(i => queued.Prepare(Picture(repetition * 10 + i)))];
            // prompts of other lengths in between, longer ones each time
            recorded.Prefill(new PromptTokens([.. Enumerable.Range(1, 70 + 30 * repetition)]), [], 1, cancellation: TestContext.Current.CancellationToken).Dispose();
            // another strategy object of the same options, as a server would make for each request
            var (expected, actual) = (Encode(queued, batch, options), Encode(recorded, batch, options));
            for (var i = 0; i < pictures; i++)
            {
                Assert.Equal(expected[i].Record.Kept, actual[i].Record.Kept);
                Assert.Equal(Layers(expected[i].Record), Layers(actual[i].Record));
                var scale = expected[i].Features.Max(Math.Abs);
                for (var j = 0; j < expected[i].Features.Length; j++) Assert.InRange(actual[i].Features[j] - expected[i].Features[j], -2e-5f * scale, 2e-5f * scale);
            }
        }
    }

    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void A_repetition_is_one_launch(string device)
    {
        using var model = Load(device, EncoderWork.Recorded, ElementType.Float16);
        var batch = new[] { model.Prepare(Picture(1)) };
        var backend = (CudaBackend)model.Backend;
        var launches = new List<long>();
        for (var repetition = 0; repetition < 4; repetition++)
        {
            var before = backend.Launches;
            Encode(model, batch, s_released);
            launches.Add(backend.Launches - before);
        }

        // the recording goes through the launchers once more, later repetitions only through the projector's
        Assert.True(launches[0] > 150 && launches[1] >= launches[0], $"{launches[0]} and {launches[1]} launches before it is recorded");
        Assert.True(launches[2] < 12, $"{launches[2]} launches beside the recorded encoder");
        Assert.Equal(launches[2], launches[3]);
    }

    /// <summary>What was recorded for one batch must not be repeated with the memory that a larger one has replaced.</summary>
    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void A_larger_batch_in_between_does_no_harm(string device)
    {
        using var model = Load(device, EncoderWork.Recorded, ElementType.Float32);
        var one = new[] { model.Prepare(Picture(1)) };
        var expected = Encode(model, one, s_released)[0];
        Encode(model, one, s_released);
        Encode(model, [.. Enumerable.Range(2, 3).Select(i => model.Prepare(Picture(i)))], s_released);
        for (var repetition = 0; repetition < 3; repetition++)
        {
            var actual = Encode(model, one, s_released)[0];
            Assert.Equal(expected.Record.Kept, actual.Record.Kept);
            Assert.Equal(expected.Features, actual.Features);
        }
    }

    [Theory]
    [MemberData(nameof(TestDevices.All), MemberType = typeof(TestDevices))]
    public void A_score_that_is_not_a_number_stops_every_repetition(string device)
    {
        using var model = Load(device, EncoderWork.Recorded, ElementType.Float32);
        var picture = model.Prepare(Picture(1));
        var crop = picture.Crops[0];
        var damaged = picture with { Crops = [crop with { PixelValues = [.. crop.PixelValues.Select((x, i) => i == 1000 ? float.NaN : x)] }] };
        for (var repetition = 0; repetition < 3; repetition++)
        {
            var e = Assert.Throws<ComputationException>(() => Encode(model, [damaged], s_released));
            Assert.StartsWith("encoder layer 0: a pruning score of picture 0", e.Message);
            Assert.Equal(16, Encode(model, [picture], s_released)[0].Record.Kept.Length);
        }
    }

    private static VisionLanguageModel Load(string device, EncoderWork work, ElementType type) => VisionLanguageModel.Load(Require("llava-1.5-tiny"), new LoadOptions
    {
        CreateBackend = _ => CudaBackend.Open(device, TestDevices.Require(device), activations: type),
        EncoderWork = work,
    });

    private static (PruningRecord Record, float[] Features)[] Encode(VisionLanguageModel model, PreprocessedPicture[] batch, FlowCutOptions? options)
    {
        var encoded = model.Encode(batch, options is null ? null : new FlowCutStrategy(options), cancellation: TestContext.Current.CancellationToken);
        return [.. encoded.Select(picture =>
        {
            using (picture)
            {
                var features = new float[picture.Tokens.Rows * picture.Tokens.Columns];
                model.Backend.Download(picture.Tokens, features);
                return (picture.Records[0], features);
            }
        })];
    }

    private static IEnumerable<(int Layer, int Alive, float Ratio, string? Kept)> Layers(PruningRecord record) =>
        record.Layers.Select(l => (l.Layer, l.Alive, MathF.Round((float)l.EntropyRatio, 4), l.Kept is null ? null : string.Join(' ', l.Kept)));

    /// <summary>Blobs on a gradient: pictures whose attention differs.</summary>
    private static RgbImage Picture(int seed)
    {
        var random = new Random(seed);
        const int side = 112;
        var pixels = new byte[side * side * 3];
        for (var i = 0; i < pixels.Length; i++) pixels[i] = (byte)(i / 3 % side);
        for (var blob = 0; blob < 6; blob++)
        {
            int x0 = random.Next(side - 30), y0 = random.Next(side - 30);
            for (var y = y0; y < y0 + 30; y++)
            {
                for (var x = x0; x < x0 + 30; x++) pixels[(y * side + x) * 3 + blob % 3] = (byte)random.Next(256);
            }
        }

        return new RgbImage(side, side, pixels);
    }
}

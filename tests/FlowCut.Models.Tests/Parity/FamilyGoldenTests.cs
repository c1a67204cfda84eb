using System.Runtime.InteropServices;
using FlowCut.Imaging.Skia;
using FlowCut.Models.Backends.Cpu;
using FlowCut.Models.Cases;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Families;
using FlowCut.Models.Generation;
using FlowCut.Models.Imaging;
using FlowCut.Models.Pruning;
using FlowCut.Testing;

namespace FlowCut.Models.Tests.Parity;

/// <summary>
/// What the golden answers of the families have and a trace has not (<see cref="FamilyGoldens.IsOutsideTrace"/>): the rows' positions, as
/// the backend gets them in the prompt and in decoding, the order of the visual tokens, the decoder's input, short forms of the pixels.
/// </summary>
public class FamilyGoldenTests
{
    public static TheoryData<string, string> Cases()
    {
        var data = new TheoryData<string, string>();
        foreach (var (folder, names) in FamilyGoldens.Cases)
        {
            // nothing of them is outside the trace
            if (folder == "llava-siglip-tiny") continue;
            foreach (var name in names.Where(n => !folder.StartsWith("internvl", StringComparison.Ordinal) || n.StartsWith("unpruned", StringComparison.Ordinal))) data.Add(folder, name);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void What_a_trace_does_not_hold_equals_the_golden(string folder, string name)
    {
        using var golden = Checkpoint.Open(Goldens.Require($"{folder}/{name}.safetensors"));
        using var run = new FamilyRun(CaseArguments.Read(Goldens.Require($"{folder}/{name}.json")), Longs(golden, "generated.ids"));
        var names = golden.Names.Where(FamilyGoldens.IsOutsideTrace).ToList();
        Assert.NotEmpty(names);
        foreach (var tensor in names) Compare(golden.Get(tensor), run, folder);
    }

    /// <summary>Where the folders that are left out have something to compare, they are left out no longer.</summary>
    [Fact]
    public void Other_cases_have_nothing_outside_the_trace()
    {
        var compared = Cases().Select(row => $"{row.Data.Item1}/{row.Data.Item2}").ToHashSet();
        foreach (var (folder, names) in FamilyGoldens.Cases)
        {
            foreach (var name in names.Where(n => !compared.Contains($"{folder}/{n}")))
            {
                using var golden = Checkpoint.Open(Goldens.Require($"{folder}/{name}.safetensors"));
                Assert.DoesNotContain(golden.Names, FamilyGoldens.IsOutsideTrace);
            }
        }
    }

    private static void Compare(StoredTensor golden, FamilyRun run, string folder)
    {
        switch (golden.Name)
        {
            case "language.position_ids" or "language.position_ids.before":
                AssertEqual(golden, run.Recorder.PromptPositions[0].SelectMany(axis => axis));
                break;
            case "language.layer.2.position_ids" or "language.position_ids.after":
                AssertEqual(golden, run.Recorder.PromptPositions[2].SelectMany(axis => axis));
                break;
            case "language.position_ids_full":
                AssertEqual(golden, run.WholePositions().Values);
                break;
            case "language.rope_delta":
                var whole = run.WholePositions();
                AssertEqual(golden, [whole.Next - whole.Values.Length / 3]);
                // and decoding goes on there
                Assert.Equal(Enumerable.Range(whole.Next, run.Ids.Length - 1), run.Recorder.DecodePositions[0]);
                break;
            case "language.decode_position_ids":
                var (first, last) = (run.Recorder.DecodePositions[0], run.Recorder.DecodePositions[^1]);
                AssertEqual(golden, first.SelectMany((position, i) => new[] { position, last[i] }));
                break;
            case "visual.order":
                AssertEqual(golden, run.Order());
                break;
            case "language.inputs":
                var inputs = TensorData.From(run.Recorder.Inputs!, golden.Shape);
                Near(golden, MemoryMarshal.Cast<byte, float>(inputs.Bytes.Span), FamilyGoldens.Tolerance(folder)(golden.Name), relative: true);
                break;
            case "vision.pixel_values.row_sums":
                const int patch = 3 * 2 * 14 * 14;
                float[] sums = [.. run.Prepared.SelectMany(p => p.Crops[0].PixelValues.Chunk(patch).Select(row => row.Sum()))];
                Near(golden, sums, 2e-3, relative: false);
                break;
            case "vision.pixels_u8":
                Assert.Equal(golden.Bytes.ToArray(), run.Prepared[0].Crops.SelectMany(crop => crop.Resized.Pixels.ToArray()));
                break;
            default:
                Assert.Fail($"{golden.Name} is neither in a trace nor compared here");
                break;
        }
    }

    private static void AssertEqual(StoredTensor golden, IEnumerable<int> actual) =>
        Assert.Equal(MemoryMarshal.Cast<byte, long>(golden.Bytes).ToArray(), actual.Select(i => (long)i));

    private static void Near(StoredTensor golden, ReadOnlySpan<float> actual, double tolerance, bool relative)
    {
        var expected = new float[golden.ElementCount];
        golden.ReadSingles(expected);
        Assert.Equal(expected.Length, actual.Length);
        var allowed = tolerance * (relative ? expected.Max(Math.Abs) : 1);
        for (var i = 0; i < expected.Length; i++)
            Assert.True(Math.Abs((double)expected[i] - actual[i]) <= allowed, $"{golden.Name}[{i}] is {actual[i]:G9}, expected {expected[i]:G9}, {allowed:G3} off at most");
    }

    private static int[] Longs(Checkpoint golden, string name) => [.. MemoryMarshal.Cast<byte, long>(golden.Get(name).Bytes).ToArray().Select(i => (int)i)];

    /// <summary>A case step by step, its answer as the golden has it.</summary>
    private sealed class FamilyRun : IDisposable
    {
        private readonly CpuBackend _cpu = new();
        private readonly VisionLanguageModel _model;
        private readonly PromptTokens _prompt;
        private readonly EncodedPicture[] _encoded;

        public FamilyRun(CaseArguments arguments, int[] ids)
        {
            Ids = ids;
            Recorder = new DecoderRecorder(_cpu);
            _model = VisionLanguageModel.Load(arguments.Model, new LoadOptions { Backend = Recorder, PrepareKernels = false });
            Prepared = [.. arguments.Images.Select(file => _model.Prepare(PictureFile.Load(file).Image))];
            var strategy = arguments.Strategy;
            _prompt = _model.Tokenize([new ChatTurn(arguments.Prompt)], Prepared.Length, new GenerationOptions { RawPrompt = true });
            _encoded = _model.Encode(Prepared, strategy);
            using var session = _model.Prefill(_prompt, _encoded, ids.Length, strategy);
            foreach (var id in ids[..^1])
            {
                Assert.Equal(id, session.ArgMax(_model.Tokenizer.MaxId + 1));
                session.Append(id);
            }
        }

        public int[] Ids { get; }

        public DecoderRecorder Recorder { get; }

        public PreprocessedPicture[] Prepared { get; }

        /// <summary>Of the prompt with all visual tokens.</summary>
        public PromptPositions WholePositions()
        {
            var whole = _model.Encode(Prepared);
            var rows = DecodingSession.PrefillLength(_prompt, whole);
            var positions = new PromptPositions(rows, 3, PositionPolicy.Original);
            var picture = 0;
            foreach (var id in _prompt.Ids)
            {
                if (id == PromptTokens.Picture) positions.Add(whole[picture++]);
                else positions.AddText(1);
            }

            foreach (var encoded in whole) encoded.Dispose();
            return positions;
        }

        /// <summary>Crop and patch of each visual token; −1 twice for what stands behind a row.</summary>
        public IEnumerable<int> Order()
        {
            var encoded = Assert.Single(_encoded);
            return encoded.Sources!.SelectMany(source => source.Crop < 0 ? [-1, -1] : new[] { source.Crop, encoded.Records[source.Crop].Kept[source.Token] });
        }

        public void Dispose()
        {
            foreach (var encoded in _encoded) encoded.Dispose();
            _model.Dispose();
            _cpu.Dispose();
        }
    }
}

using CsCheck;
using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Tests.Checkpoints;

/// <summary>What must hold for every file, not only for those that somebody thought of.</summary>
public sealed class CheckpointPropertyTests : IDisposable
{
    private static readonly StoredType[] s_types = [.. Enum.GetValues<StoredType>().Where(type => type != StoredType.Other)];

    // names with quotes, escapes and other scripts; no halves of surrogate pairs, which UTF-8 does not have
    private static readonly Gen<string> s_name = Gen.OneOf(Gen.String[Gen.Char['\0', '\uD7FF'], 0, 12], Gen.String.AlphaNumeric);

    private static readonly Gen<(StoredType Type, long[] Shape)> s_layout =
        Gen.Select(Gen.Int[0, s_types.Length - 1].Select(i => s_types[i]), Gen.Long[0, 5].Array[0, 4]);

    private static readonly Gen<Dictionary<string, TensorData>> s_tensors =
        Gen.Dictionary(s_name.Where(name => name != "__metadata__"), s_layout.SelectMany(layout =>
            Gen.Byte.Array[(int)(layout.Shape.Aggregate(1L, (a, b) => a * b) * StoredTypes.Format(layout.Type).Bits / 8)]
                .Select(bytes => new TensorData(layout.Type, layout.Shape, bytes))))[0, 8];

    private readonly CheckpointFiles _files = new();

    public void Dispose() => _files.Dispose();

    [Fact]
    public void What_is_written_is_read_back() =>
        Gen.Select(s_tensors, Gen.Dictionary(s_name, s_name)[0, 3]).Sample((tensors, metadata) =>
        {
            var path = _files.Path("round-trip");
            SafetensorsWriter.Write(path, tensors, metadata);
            using var checkpoint = Checkpoint.Open(path);
            Assert.Equal(tensors.Keys.Order(StringComparer.Ordinal), checkpoint.Names.Order(StringComparer.Ordinal));
            Assert.Equal(metadata, checkpoint.Metadata);
            foreach (var (name, data) in tensors)
            {
                var tensor = checkpoint.Get(name, data.Shape);
                Assert.Equal(data.Type, tensor.Type);
                Assert.True(tensor.Bytes.SequenceEqual(data.Bytes.Span));
            }
        }, iter: 500, threads: 1);

    [Fact]
    public void A_changed_safetensors_file_opens_or_is_refused()
    {
        var seed = CheckpointFiles.Safetensors("""{"__metadata__":{"format":"pt"},"a.b":{"dtype":"F16","shape":[2,3],"data_offsets":[0,12]},"c":{"dtype":"I64","shape":[],"data_offsets":[12,20]},"d":{"dtype":"F32","shape":[0],"data_offsets":[20,20]}}""", 20);
        OpensOrIsRefused(seed, SafetensorsReader.Parse, atLeastOpen: 1);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_changed_pytorch_file_opens_or_is_refused(bool zip64)
    {
        var pickle = new PickleBuilder().Start().OrderedDict().Op('(')
            .Text("a").Tensor("HalfStorage", "0", 2, 3).Text("b").Tensor("FloatStorage", "1", 4, 1, [3], [1]).Op('u')
            .Op('}').Text("_metadata").OrderedDict().Op('s').Op('b').Stop().ToArray();
        OpensOrIsRefused(ZipBuilder.Torch(zip64, pickle, ("0", new byte[12]), ("1", new byte[16])).Build(), TorchReader.Parse, atLeastOpen: 1);
    }

    [Fact]
    public void Any_sequence_of_pickle_operations_is_run_or_refused()
    {
        // whole operations instead of bytes, so that many of the sequences get far
        byte[][] operations =
        [
            [(byte)'N'], [0x88], [0x89], [(byte)'K', 2], [(byte)'K', 3], [(byte)'('], [(byte)')'], [0x85], [0x86], [0x87], [(byte)'t'], [(byte)'}'], [(byte)']'],
            [(byte)'s'], [(byte)'u'], [(byte)'a'], [(byte)'e'], [(byte)'q', 0], [(byte)'q', 1], [(byte)'h', 0], [(byte)'h', 1], [0x94], [(byte)'R'], [(byte)'Q'], [(byte)'b'], [0x93],
            new PickleBuilder().Text("w").ToArray(), new PickleBuilder().OrderedDict().ToArray(), new PickleBuilder().Storage("HalfStorage", "0", 6).ToArray(),
            new PickleBuilder().Tensor("HalfStorage", "0", 2, 3).ToArray(), new PickleBuilder().Global("torch._utils", "_rebuild_tensor_v2").ToArray(),
            new PickleBuilder().Global("collections", "OrderedDict").ToArray(), new PickleBuilder().Tuple(2, 3).ToArray(), new PickleBuilder().Text("w").Tensor("HalfStorage", "0", 6).Op('s').ToArray(),
        ];
        var opened = 0;
        Gen.Int[0, operations.Length - 1].Select(i => operations[i]).Array[0, 12].Sample(sequence =>
        {
            byte[] pickle = [0x80, 2, (byte)'}', .. sequence.SelectMany(o => o), (byte)'.'];
            if (TryParse(ZipBuilder.Torch(pickle, ("0", new byte[12])).Build(), TorchReader.Parse)) Interlocked.Increment(ref opened);
        }, iter: 20_000);
        Assert.True(opened > 10, $"only {opened} sequences made a checkpoint: the test does not get far");
    }

    /// <summary>Bytes are changed, removed, inserted and moved; whatever comes out, only <see cref="ModelFormatException"/> may.</summary>
    private static void OpensOrIsRefused(byte[] seed, Func<MappedFile, Checkpoint> parse, int atLeastOpen)
    {
        Assert.True(TryParse(seed, parse));
        var change = Gen.Select(Gen.Int[0, 4], Gen.Int[0, seed.Length - 1], Gen.Int[0, seed.Length - 1], Gen.Byte);
        var opened = 0;
        change.Array[1, 4].Sample(changes =>
        {
            var bytes = seed.ToList();
            foreach (var (kind, at, other, value) in changes) Change(bytes, kind, at, other, value);
            if (TryParse([.. bytes], parse)) Interlocked.Increment(ref opened);
        }, iter: 20_000);
        Assert.True(opened >= atLeastOpen, "every changed file was refused: the test does not reach the data");
    }

    private static void Change(List<byte> bytes, int kind, int at, int other, byte value)
    {
        if (bytes.Count == 0) return;
        at %= bytes.Count;
        other %= bytes.Count;
        switch (kind)
        {
            case 0: bytes[at] = value; break;
            case 1: bytes[at] ^= (byte)(1 << (value % 8)); break;
            case 2: bytes.RemoveRange(at, Math.Min(value % 16, bytes.Count - at)); break;
            case 3: bytes.InsertRange(at, bytes.GetRange(other, Math.Min(value % 16, bytes.Count - other))); break;
            default: bytes[at] = bytes[other]; break;
        }
    }

    private static bool TryParse(byte[] bytes, Func<MappedFile, Checkpoint> parse)
    {
        try
        {
            CheckpointFiles.Parse(bytes, parse);
            return true;
        }
        catch (ModelFormatException)
        {
            return false;
        }
    }
}

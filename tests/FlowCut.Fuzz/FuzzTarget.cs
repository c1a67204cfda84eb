using FlowCut.Models;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Tests.Checkpoints;

namespace FlowCut.Fuzz;

/// <summary>A parser that reads files from strangers, and small valid inputs to begin with.</summary>
internal sealed record FuzzTarget(string Name, Action<byte[]> Parse, IReadOnlyDictionary<string, byte[]> Seeds)
{
    public static IReadOnlyList<FuzzTarget> All { get; } =
    [
        new("safetensors", bytes => CheckpointFiles.Parse(bytes, SafetensorsReader.Parse), SafetensorsSeeds()),
        new("torch", bytes => CheckpointFiles.Parse(bytes, TorchReader.Parse), TorchSeeds()),
        // the pickle by itself: changes need not keep the archive around it valid
        new("pickle", bytes => CheckpointFiles.Parse(ZipBuilder.Torch(bytes, ("0", new byte[12]), ("1", new byte[16])).Build(), TorchReader.Parse), PickleSeeds()),
        new("index", ReadIndex, IndexSeeds()),
    ];

    /// <summary>A refusal is a good end. Any other exception is a finding and reaches the fuzzer.</summary>
    public void Run(byte[] bytes)
    {
        try
        {
            Parse(bytes);
        }
        catch (ModelFormatException)
        {
            // what is expected of most inputs
        }
    }

    private static unsafe void ReadIndex(byte[] bytes)
    {
        fixed (byte* data = bytes)
        {
            using var file = new MappedFile("index.json", data, bytes.Length);
            ShardIndex.Read(file);
        }
    }

    private static Dictionary<string, byte[]> SafetensorsSeeds() => new()
    {
        ["empty"] = CheckpointFiles.Safetensors("{}", 0),
        ["two"] = CheckpointFiles.Safetensors("""{"a":{"dtype":"F16","shape":[2,1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[],"data_offsets":[4,8]}}""", 8),
        ["metadata"] = CheckpointFiles.Safetensors("""{"__metadata__":{"k":"\u00e9"},"z":{"dtype":"I64","shape":[0],"data_offsets":[0,0]}} """, 0),
        ["packed"] = CheckpointFiles.Safetensors("""{"p":{"dtype":"F4","shape":[2],"data_offsets":[0,1]},"q":{"dtype":"BF16","shape":[1],"data_offsets":[1,3]}}""", 3),
    };

    private static Dictionary<string, byte[]> PickleSeeds() => new()
    {
        ["state-dict"] = new PickleBuilder().Start().OrderedDict().Op('(').Text("a").Tensor("HalfStorage", "0", 2, 3).Text("b").Tensor("FloatStorage", "1", 4, 1, [3], [1]).Op('u')
            .Op('}').Text("_metadata").OrderedDict().Op('s').Op('b').Stop().ToArray(),
        ["nested"] = new PickleBuilder().Start().Op('}').Text("model").Op('}').Op('q').Raw(1).Text("w").Tensor("ByteStorage", "0", 12).Op('s').Op('s')
            .Text("epoch").Integer(1L << 40).Op('s').Text("names").Op(']').Text("x").Op('a').Op('s').Stop().ToArray(),
        ["protocol-4"] = [0x80, 4, 0x95, 40, 0, 0, 0, 0, 0, 0, 0, (byte)'}', 0x94, (byte)'(', 0x8c, 1, (byte)'w', 0x94, 0x8c, 11, .. "collections"u8, 0x8c, 11, .. "OrderedDict"u8, 0x93, (byte)')', (byte)'R', (byte)'u', (byte)'G', 0, 0, 0, 0, 0, 0, 0, 0, (byte)'.'],
        ["parameter"] = new PickleBuilder().Start().Op('}').Text("p").Global("torch._utils", "_rebuild_parameter").Tensor("HalfStorage", "0", 6).Raw(0x88).OrderedDict().Raw(0x87).Op('R').Op('s').Stop().ToArray(),
    };

    private static Dictionary<string, byte[]> TorchSeeds() => new()
    {
        ["zip"] = ZipBuilder.Torch(PickleBuilder.StateDict(b => b.Tensor("HalfStorage", "0", 6)), ("0", new byte[12])).Build(),
        ["zip64"] = ZipBuilder.Torch(zip64: true, PickleBuilder.StateDict(b => b.Tensor("HalfStorage", "0", 6)), ("0", new byte[12])).Build(),
        ["pickle-only"] = new ZipBuilder().Add("a/data.pkl", 0x80, 2, (byte)'}', (byte)'.').Build(),
    };

    private static Dictionary<string, byte[]> IndexSeeds() => new()
    {
        ["index"] = """{"metadata":{"total_size":3},"weight_map":{"a":"m-1.safetensors","b\u00e9":"m-2.safetensors"}}"""u8.ToArray(),
        ["map"] = """{"weight_map":{"a":"b"}}"""u8.ToArray(),
    };
}

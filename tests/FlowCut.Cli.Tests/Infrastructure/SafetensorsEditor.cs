using System.Buffers.Binary;
using System.Text;
using System.Text.Json.Nodes;

namespace FlowCut.Cli.Tests.Infrastructure;

/// <summary>Makes damaged safetensors files of a good one.</summary>
internal sealed class SafetensorsEditor
{
    private readonly byte[] _data;

    public SafetensorsEditor(string file)
    {
        var bytes = File.ReadAllBytes(file);
        var length = BinaryPrimitives.ReadInt64LittleEndian(bytes);
        Header = JsonNode.Parse(bytes.AsSpan(8, (int)length))!.AsObject();
        _data = bytes[(8 + (int)length)..];
    }

    public JsonObject Header { get; }

    /// <summary>First and last byte of a tensor in the data.</summary>
    public (int Begin, int End) Offsets(string tensor)
    {
        var offsets = Header[tensor]!["data_offsets"]!.AsArray();
        return (offsets[0]!.GetValue<int>(), offsets[1]!.GetValue<int>());
    }

    /// <summary>Every element of an F16 tensor.</summary>
    public void Fill(string tensor, Half value)
    {
        Assert.Equal("F16", Header[tensor]!["dtype"]!.GetValue<string>());
        var (begin, end) = Offsets(tensor);
        for (var i = begin; i < end; i += 2) BinaryPrimitives.WriteHalfLittleEndian(_data.AsSpan(i), value);
    }

    public byte[] ToBytes()
    {
        var header = Encoding.UTF8.GetBytes(Header.ToJsonString());
        var bytes = new byte[8 + header.Length + _data.Length];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, header.Length);
        header.CopyTo(bytes, 8);
        _data.CopyTo(bytes, 8 + header.Length);
        return bytes;
    }
}

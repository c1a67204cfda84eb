using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;
using FlowCut.Testing;

namespace FlowCut.Models.Tests.Backends;

/// <summary>The tensors of a safetensors file of goldens, read without the library's own reader.</summary>
internal sealed class GoldenTensors
{
    private readonly byte[] _file;
    private readonly int _dataStart;
    private readonly JsonElement _header;

    public GoldenTensors(string relativePath)
    {
        _file = File.ReadAllBytes(Goldens.Require(relativePath));
        var headerLength = (int)BinaryPrimitives.ReadInt64LittleEndian(_file);
        _dataStart = 8 + headerLength;
        using var document = JsonDocument.Parse(_file.AsMemory(8, headerLength));
        _header = document.RootElement.Clone();
    }

    public bool Has(string name) => _header.TryGetProperty(name, out _);

    public int[] Shape(string name) => [.. _header.GetProperty(name).GetProperty("shape").EnumerateArray().Select(x => x.GetInt32())];

    public float[] Singles(string name) => Read<float>(name, "F32");

    public double[] Doubles(string name) => Read<double>(name, "F64");

    public long[] Integers(string name) => Read<long>(name, "I64");

    private T[] Read<T>(string name, string type)
        where T : struct
    {
        var entry = _header.GetProperty(name);
        Assert.Equal(type, entry.GetProperty("dtype").GetString());
        var offsets = entry.GetProperty("data_offsets");
        var (start, end) = (offsets[0].GetInt32(), offsets[1].GetInt32());
        return MemoryMarshal.Cast<byte, T>(_file.AsSpan(_dataStart + start, end - start)).ToArray();
    }
}

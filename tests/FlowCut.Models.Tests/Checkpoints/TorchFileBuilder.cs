using System.Buffers.Binary;
using System.Text;

namespace FlowCut.Models.Tests.Checkpoints;

/// <summary>Writes pickles opcode by opcode, as torch.save would, or as it never would.</summary>
internal sealed class PickleBuilder
{
    private readonly List<byte> _bytes = [];

    public byte[] ToArray() => [.. _bytes];

    public PickleBuilder Raw(params byte[] bytes)
    {
        _bytes.AddRange(bytes);
        return this;
    }

    public PickleBuilder Start() => Raw(0x80, 2);

    public PickleBuilder Stop() => Raw((byte)'.');

    public PickleBuilder Op(char opcode) => Raw((byte)opcode);

    public PickleBuilder Text(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        Op('X').Raw(BitConverter.GetBytes(bytes.Length));
        return Raw(bytes);
    }

    /// <summary>BININT where it fits, LONG1 otherwise.</summary>
    public PickleBuilder Integer(long value) =>
        value is >= int.MinValue and <= int.MaxValue ? Op('J').Raw(BitConverter.GetBytes((int)value)) : Raw(0x8a, 8).Raw(BitConverter.GetBytes(value));

    public PickleBuilder Global(string module, string name) => Op('c').Raw(Encoding.UTF8.GetBytes($"{module}\n{name}\n"));

    public PickleBuilder OrderedDict() => Global("collections", "OrderedDict").Op(')').Op('R');

    public PickleBuilder Tuple(params long[] values)
    {
        Op('(');
        foreach (var value in values) Integer(value);
        return Op('t');
    }

    public PickleBuilder Storage(string type, string key, long length) =>
        Op('(').Text("storage").Global("torch", type).Text(key).Text("cpu").Integer(length).Op('t').Op('Q');

    /// <summary>The value of a tensor: a call of _rebuild_tensor_v2.</summary>
    public PickleBuilder Tensor(string type, string key, long storageLength, long offset, long[] shape, long[] strides) =>
        Global("torch._utils", "_rebuild_tensor_v2").Op('(')
            .Storage(type, key, storageLength).Integer(offset).Tuple(shape).Tuple(strides).Raw(0x89).OrderedDict().Op('t').Op('R');

    /// <summary>A row-major tensor that fills its storage.</summary>
    public PickleBuilder Tensor(string type, string key, params long[] shape)
    {
        var strides = new long[shape.Length];
        long count = 1;
        for (var i = shape.Length - 1; i >= 0; i--)
        {
            strides[i] = count;
            count *= shape[i];
        }

        return Tensor(type, key, count, 0, shape, strides);
    }

    /// <summary>A whole state dict of one tensor 'w'.</summary>
    public static byte[] StateDict(Func<PickleBuilder, PickleBuilder> value, string name = "w") =>
        value(new PickleBuilder().Start().Op('}').Op('(').Text(name)).Op('u').Stop().ToArray();
}

/// <summary>Writes zip archives of stored entries, with every field open to change.</summary>
internal sealed class ZipBuilder
{
    private readonly List<(string Name, byte[] Data, long Length)> _entries = [];

    /// <summary>64-bit sizes and offsets in every entry and in the end record.</summary>
    public bool Zip64 { get; init; }

    public int Method { get; init; }

    public int Flags { get; init; } = 0x0800;

    public ZipBuilder Add(string name, params byte[] data)
    {
        _entries.Add((name, data, data.Length));
        return this;
    }

    /// <summary>An entry that ends with these bytes and has a hole before them.</summary>
    public ZipBuilder AddSparse(string name, long length, params byte[] end)
    {
        _entries.Add((name, end, length));
        return this;
    }

    /// <summary>An archive with these storages, as torch.save lays it out.</summary>
    public static ZipBuilder Torch(byte[] pickle, params (string Key, byte[] Data)[] storages) => Torch(zip64: false, pickle, storages);

    public static ZipBuilder Torch(bool zip64, byte[] pickle, params (string Key, byte[] Data)[] storages)
    {
        var zip = new ZipBuilder { Zip64 = zip64 }.Add("archive/data.pkl", pickle).Add("archive/byteorder", "little"u8.ToArray());
        foreach (var (key, data) in storages) zip.Add("archive/data/" + key, data);
        return zip.Add("archive/version", "3\n"u8.ToArray());
    }

    public byte[] Build()
    {
        var file = new MemoryStream();
        Build(file);
        return file.ToArray();
    }

    public void Build(Stream file)
    {
        var directory = new MemoryStream();
        foreach (var (name, data, length) in _entries)
        {
            var offset = file.Position;
            WriteHeader(file, name, length, offset, inDirectory: false);
            file.Position += length - data.Length;
            file.Write(data);
            WriteHeader(directory, name, length, offset, inDirectory: true);
        }

        var start = file.Position;
        file.Write(directory.ToArray());
        if (Zip64) WriteEnd64(file, start, directory.Length);
        Write(file, 0x06054b50, 4);
        Write(file, 0, 4);
        Write(file, Zip64 ? 0xffff : _entries.Count, 2);
        Write(file, Zip64 ? 0xffff : _entries.Count, 2);
        Write(file, Zip64 ? uint.MaxValue : directory.Length, 4);
        Write(file, Zip64 ? uint.MaxValue : start, 4);
        Write(file, 0, 2);
    }

    private void WriteEnd64(Stream file, long start, long length)
    {
        var position = file.Position;
        Write(file, 0x06064b50, 4);
        Write(file, 44, 8);
        Write(file, 0x2d_002d, 4);
        Write(file, 0, 8);
        Write(file, _entries.Count, 8);
        Write(file, _entries.Count, 8);
        Write(file, length, 8);
        Write(file, start, 8);
        Write(file, 0x07064b50, 4);
        Write(file, 0, 4);
        Write(file, position, 8);
        Write(file, 1, 4);
    }

    private void WriteHeader(Stream to, string name, long length, long offset, bool inDirectory)
    {
        var nameBytes = Encoding.UTF8.GetBytes(name);
        var wide = Zip64;
        Write(to, inDirectory ? 0x02014b50 : 0x04034b50, 4);
        if (inDirectory) Write(to, 45, 2);
        Write(to, 45, 2);
        Write(to, Flags, 2);
        Write(to, Method, 2);
        Write(to, 0, 8); // time, date, checksum
        Write(to, wide ? uint.MaxValue : length, 4);
        Write(to, wide ? uint.MaxValue : length, 4);
        Write(to, nameBytes.Length, 2);
        Write(to, wide ? (inDirectory ? 28 : 20) : 0, 2);
        if (inDirectory)
        {
            Write(to, 0, 10); // comment, disk, attributes
            Write(to, wide ? uint.MaxValue : offset, 4);
        }

        to.Write(nameBytes);
        if (!wide) return;
        Write(to, 1, 2);
        Write(to, inDirectory ? 24 : 16, 2);
        Write(to, length, 8);
        Write(to, length, 8);
        if (inDirectory) Write(to, offset, 8);
    }

    private static void Write(Stream to, long value, int bytes)
    {
        Span<byte> buffer = stackalloc byte[16];
        buffer.Clear();
        BinaryPrimitives.WriteInt64LittleEndian(buffer, value);
        to.Write(buffer[..bytes]);
    }
}

using System.Buffers.Binary;
using System.Text;

namespace FlowCut.Models.Tokenization;

/// <summary>
/// Reads the fields of one protocol-buffers message (wire format of proto2). Anything that breaks the format is a
/// <see cref="ModelFormatException"/> that names the file and the offset of the field.
/// </summary>
internal ref struct ProtobufReader
{
    private const int VarintType = 0;
    private const int Fixed64Type = 1;
    private const int BytesType = 2;
    private const int Fixed32Type = 5;

    private static readonly UTF8Encoding _strictUtf8 = new(false, throwOnInvalidBytes: true);

    private readonly string _file;
    private readonly ReadOnlySpan<byte> _bytes;
    private readonly long _origin;
    private int _position;
    private int _fieldStart;
    private int _wireType;

    /// <param name="file">Named in errors.</param>
    /// <param name="bytes">The message.</param>
    /// <param name="origin">Offset of the message in the file.</param>
    public ProtobufReader(string file, ReadOnlySpan<byte> bytes, long origin = 0)
    {
        _file = file;
        _bytes = bytes;
        _origin = origin;
    }

    /// <summary>Number of the current field.</summary>
    public int Field { get; private set; }

    /// <summary>Moves to the next field; false at the end of the message. The caller reads or skips each field's value.</summary>
    public bool Next()
    {
        if (_position == _bytes.Length) return false;
        _fieldStart = _position;
        var tag = ReadVarint();
        if (tag > uint.MaxValue || tag >> 3 == 0) throw Error("a field has a number that is not allowed");
        Field = (int)(tag >> 3);
        _wireType = (int)(tag & 7);
        return true;
    }

    public void Skip()
    {
        switch (_wireType)
        {
            case VarintType: ReadVarint(); break;
            case Fixed64Type: Take(8); break;
            case BytesType: ReadLengthDelimited(); break;
            case Fixed32Type: Take(4); break;
            default: throw Error($"field {Field} has wire type {_wireType}, which a SentencePiece model does not use");
        }
    }

    public int ReadInt32()
    {
        Expect(VarintType);
        return unchecked((int)ReadVarint());
    }

    public bool ReadBoolean()
    {
        Expect(VarintType);
        return ReadVarint() != 0;
    }

    public float ReadSingle()
    {
        Expect(Fixed32Type);
        return BinaryPrimitives.ReadSingleLittleEndian(Take(4));
    }

    public string ReadString()
    {
        Expect(BytesType);
        try
        {
            return _strictUtf8.GetString(ReadLengthDelimited());
        }
        catch (DecoderFallbackException e)
        {
            throw new ModelFormatException(_file, $"field {Field} at offset {_origin + _fieldStart} is not UTF-8", e);
        }
    }

    public ProtobufReader ReadMessage()
    {
        Expect(BytesType);
        var message = ReadLengthDelimited();
        return new ProtobufReader(_file, message, _origin + _position - message.Length);
    }

    /// <summary>Length in bytes of the current field, which is passed over.</summary>
    public int ReadBytesLength()
    {
        Expect(BytesType);
        return ReadLengthDelimited().Length;
    }

    private readonly void Expect(int wireType)
    {
        if (_wireType != wireType) throw Error($"field {Field} has wire type {_wireType} instead of {wireType}");
    }

    private ReadOnlySpan<byte> ReadLengthDelimited()
    {
        var length = ReadVarint();
        if (length > (ulong)(_bytes.Length - _position)) throw Truncated(length);
        return Take((int)length);
    }

    private ReadOnlySpan<byte> Take(int length)
    {
        if (length > _bytes.Length - _position) throw Truncated((ulong)length);
        _position += length;
        return _bytes.Slice(_position - length, length);
    }

    private ulong ReadVarint()
    {
        ulong value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            if (_position == _bytes.Length) throw Truncated(1);
            var part = _bytes[_position++];
            value |= (ulong)(part & 0x7F) << shift;
            if (part < 0x80) return value;
        }

        throw Error("a number is longer than 64 bits");
    }

    private readonly ModelFormatException Truncated(ulong needed) =>
        Error($"a value needs {needed} more bytes, but its message has {_bytes.Length - _position} left: the file is truncated or not a SentencePiece model");

    private readonly ModelFormatException Error(string reason) => new(_file, $"{reason} (field at offset {_origin + _fieldStart})");
}

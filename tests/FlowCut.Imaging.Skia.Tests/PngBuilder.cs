using System.Buffers.Binary;
using System.IO.Compression;

namespace FlowCut.Imaging.Skia.Tests;

/// <summary>PNG files chunk by chunk, also such as no encoder would write.</summary>
internal sealed class PngBuilder
{
    public const byte Grey = 0, Rgb = 2, Palette = 3, Rgba = 6;

    private readonly List<byte> _file = [];

    public PngBuilder(int width, int height, byte depth, byte colour, byte interlace = 0)
    {
        _file.AddRange([0x89, (byte)'P', (byte)'N', (byte)'G', 13, 10, 26, 10]);
        var header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        (header[8], header[9], header[12]) = (depth, colour, interlace);
        Chunk("IHDR", header);
    }

    public PngBuilder Chunk(string type, ReadOnlySpan<byte> data)
    {
        Span<byte> number = stackalloc byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        _file.AddRange(number);
        byte[] body = [.. System.Text.Encoding.ASCII.GetBytes(type), .. data];
        _file.AddRange(body);
        BinaryPrimitives.WriteUInt32BigEndian(number, Crc32(body));
        _file.AddRange(number);
        return this;
    }

    /// <summary>Rows as the format stores them, each with its filter byte in front.</summary>
    public PngBuilder Rows(params byte[][] rows)
    {
        using var compressed = new MemoryStream();
        using (var zlib = new ZLibStream(compressed, CompressionLevel.Fastest, leaveOpen: true))
        {
            foreach (var row in rows)
            {
                zlib.WriteByte(0);
                zlib.Write(row);
            }
        }

        return Chunk("IDAT", compressed.ToArray());
    }

    public byte[] End()
    {
        Chunk("IEND", []);
        return _file.ToArray();
    }

    private static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var value in bytes)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ ((crc & 1) * 0xEDB88320u);
        }

        return ~crc;
    }
}

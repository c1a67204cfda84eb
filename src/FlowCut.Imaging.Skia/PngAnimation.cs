using System.Buffers.Binary;

namespace FlowCut.Imaging.Skia;

/// <summary>
/// Counts the frames of an animated PNG. The decoder knows of none: it shows the picture that stands where a still one
/// would, which is the first frame.
/// </summary>
internal static class PngAnimation
{
    private const int ChunkOverhead = 12, NameOffset = 4, DataOffset = 8;

    /// <summary>The frames that the file announces in front of its pixels; 1 for a still PNG and any other file.</summary>
    public static int FrameCount(ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<byte> signature = [0x89, .. "PNG\r\n\x1a\n"u8];
        if (!bytes.StartsWith(signature)) return 1;
        bytes = bytes[signature.Length..];
        while (bytes.Length >= ChunkOverhead)
        {
            var length = BinaryPrimitives.ReadUInt32BigEndian(bytes);
            var name = bytes.Slice(NameOffset, sizeof(uint));
            if (length > bytes.Length - ChunkOverhead || name.SequenceEqual("IDAT"u8)) return 1;
            if (name.SequenceEqual("acTL"u8) && length >= sizeof(uint))
                return (int)Math.Clamp(BinaryPrimitives.ReadUInt32BigEndian(bytes[DataOffset..]), 1, int.MaxValue);
            bytes = bytes[(int)(length + ChunkOverhead)..];
        }

        return 1;
    }
}

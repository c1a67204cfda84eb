using SkiaSharp;

namespace FlowCut.Imaging.Skia;

/// <summary>
/// Tells whether a JPEG's entropy-coded data ends before the picture does. The decoder hides that: it fills the rest with
/// grey and reports success. Here the data is decoded twice, with two different continuations behind it: a whole picture
/// never reads them, a truncated one comes out different. A baseline scan goes block by block, so an eighth of the size
/// shows it; a progressive one goes over the picture again and again with ever finer detail, which only the full size shows.
/// </summary>
internal static class JpegScan
{
    private const int FillerLength = 1 << 16;

    public static bool IsCutShort(byte[] bytes)
    {
        var (start, progressive) = ReadHeader(bytes);
        // up to the last end marker, if there is one: what comes before it must suffice. Not one in the header: a
        // thumbnail there is a whole JPEG
        var end = bytes.AsSpan(start).LastIndexOf([(byte)0xFF, (byte)0xD9]);
        // a last 0xFF would make a marker of the continuation's first byte
        var scan = bytes.AsSpan(0, end < 0 ? bytes.Length : start + end).TrimEnd((byte)0xFF);
        var scale = progressive ? 1 : 1 / 8f;
        var first = Decode(scan, 0x5A, scale);
        var second = Decode(scan, 0xA6, scale);
        return first is null || second is null || !first.AsSpan().SequenceEqual(second);
    }

    /// <summary>Walks the segments to the first scan.</summary>
    private static (int ScanStart, bool Progressive) ReadHeader(ReadOnlySpan<byte> bytes)
    {
        const int FirstSegment = 2, StartOfScan = 0xDA, ProgressiveFrame = 0xC2;
        var progressive = false;
        var at = FirstSegment;
        while (at + 3 < bytes.Length)
        {
            var marker = bytes[at + 1];
            if (bytes[at] != 0xFF || marker == StartOfScan) break;
            progressive |= marker == ProgressiveFrame;
            // a marker may stand behind any number of fill bytes
            at += marker == 0xFF ? 1 : 2 + (bytes[at + 2] << 8 | bytes[at + 3]);
        }

        return (Math.Min(at, bytes.Length), progressive);
    }

    private static unsafe byte[]? Decode(ReadOnlySpan<byte> scan, byte filler, float scale)
    {
        var bytes = new byte[scan.Length + FillerLength + 2];
        scan.CopyTo(bytes);
        bytes.AsSpan(scan.Length, FillerLength).Fill(filler);
        bytes[^2] = 0xFF;
        bytes[^1] = 0xD9;
        using var data = SKData.CreateCopy(bytes);
        using var codec = SKCodec.Create(data);
        if (codec is null) return null;
        var size = codec.GetScaledDimensions(scale);
        var info = new SKImageInfo(size.Width, size.Height, SKColorType.Rgba8888, SKAlphaType.Opaque);
        var pixels = new byte[info.BytesSize];
        fixed (byte* address = pixels) return codec.GetPixels(info, (nint)address) is SKCodecResult.Success or SKCodecResult.IncompleteInput ? pixels : null;
    }
}

using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace FlowCut.Models.Imaging;

/// <summary>
/// Pillow's antialiased bicubic resize of 8-bit RGB, bit for bit (formula: src/libImaging/Resample.c): two passes, the
/// horizontal one first unless the height shrinks much more than the width, 8 bits between them, a pass is left out where
/// the size does not change. Own code, because no .NET library reproduces it (docs/decisions.md). Only the rows and
/// columns of the wanted part are computed.
/// </summary>
public static class PillowResampler
{
    private const int Channels = 3;
    private const int MuchMore = 2;
    private const int Half = 1 << (ResampleWeights.Bits - 1);

    /// <summary>Resizes a whole picture.</summary>
    /// <exception cref="PictureFormatException">The result or the step between the passes has over <see cref="RgbImage.MaxPixels"/> pixels.</exception>
    public static RgbImage Resize(RgbImage picture, int width, int height)
    {
        ArgumentNullException.ThrowIfNull(picture);
        ArgumentOutOfRangeException.ThrowIfLessThan(width, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(height, 1);
        return Resize(Canvas.Of(picture), width, height, new Part(0, 0, width, height));
    }

    /// <summary>The given part of a canvas resized to width × height; a canvas with a border keeps its aspect.</summary>
    internal static RgbImage Resize(Canvas canvas, int width, int height, Part part)
    {
        var verticalFirst = IsVerticalFirst(canvas, width, height);
        var between = verticalFirst ? (long)canvas.Width * height : (long)width * canvas.Picture.Height;
        if ((long)width * height > RgbImage.MaxPixels || between > RgbImage.MaxPixels)
            throw new PictureFormatException($"{canvas.Picture.Title} would be {width}x{height} after resizing, over the limit of {RgbImage.MaxPixels / 1_000_000} megapixels");
        var horizontal = width == canvas.Width ? null : new ResampleWeights(canvas.Width, width);
        var vertical = height == canvas.Height ? null : new ResampleWeights(canvas.Height, height);
        if (!verticalFirst) return Passes(canvas, horizontal, vertical, part);

        // columns of the picture that the wanted output columns look at
        var (left, right) = Range(horizontal, part.Left, part.Width);
        var strip = Passes(canvas, null, vertical, part with { Left = left, Width = right - left });
        return Passes(Canvas.Strip(strip, left, canvas.Width), horizontal, null, part with { Top = 0 });
    }

    /// <summary>
    /// Since 13.0 Pillow runs the vertical pass first where the height is reduced much more than the width, which moves
    /// some bytes by one level (docs/decisions.md, on the factor too).
    /// </summary>
    private static bool IsVerticalFirst(Canvas canvas, int width, int height) =>
        canvas.Height - height > Math.Max(0L, MuchMore * ((long)canvas.Width - width));

    /// <summary>Horizontal, then vertical; a pass without weights only cuts.</summary>
    private static RgbImage Passes(Canvas canvas, ResampleWeights? horizontal, ResampleWeights? vertical, Part part)
    {
        // rows of the picture that the wanted output rows look at
        var (first, end) = Range(vertical, part.Top, part.Height);
        first = Math.Clamp(first - canvas.Top, 0, canvas.Picture.Height);
        end = Math.Clamp(end - canvas.Top, first, canvas.Picture.Height);
        var stride = part.Width * Channels;
        var rows = GC.AllocateUninitializedArray<byte>(checked((end - first) * stride));
        var borders = horizontal is null ? [] : BorderWeights(canvas, horizontal, part);
        Parallel.For(first, end, row => Horizontal(canvas, row, horizontal, borders, part, rows.AsSpan((row - first) * stride, stride)));

        var border = BorderRow(canvas, horizontal, part);
        var result = GC.AllocateUninitializedArray<byte>(checked(part.Height * stride));
        Parallel.For(0, part.Height, row => Vertical(canvas, part.Top + row, vertical, rows, first, border, result.AsSpan(row * stride, stride)));
        return new RgbImage(part.Width, part.Height, result);
    }

    /// <summary>The inputs that a range of outputs looks at.</summary>
    private static (int First, int End) Range(ResampleWeights? weights, int first, int count)
    {
        var last = first + count - 1;
        return weights is null ? (first, last + 1) : (weights.First(first), weights.First(last) + weights.Count(last));
    }

    /// <summary>One row of the picture, with the canvas beside it, to the wanted output columns.</summary>
    private static void Horizontal(Canvas canvas, int row, ResampleWeights? weights, int[] borders, Part part, Span<byte> output)
    {
        var pixels = canvas.Picture.Pixels.AsSpan(row * canvas.Picture.Width * Channels, canvas.Picture.Width * Channels);
        var color = Vector128.Create(canvas.Color.R, canvas.Color.G, canvas.Color.B, 0);
        if (weights is null)
        {
            Copy(canvas, pixels, part, output);
            return;
        }

        for (var x = 0; x < part.Width; x++)
        {
            var taps = weights.Of(part.Left + x);
            var start = weights.First(part.Left + x) - canvas.Left;
            // taps before, in and behind the picture; those outside all meet the border's colour
            var before = Math.Clamp(-start, 0, taps.Length);
            var behind = Math.Clamp(canvas.Picture.Width - start, before, taps.Length);
            var sum = Dot(pixels, start + before, taps[before..behind]);
            Store(Clip(sum + color * borders[x]), output[(x * Channels)..]);
        }
    }

    /// <summary>One row of the wanted columns as they are.</summary>
    private static void Copy(Canvas canvas, ReadOnlySpan<byte> pixels, Part part, Span<byte> output)
    {
        var start = part.Left - canvas.Left;
        var before = Math.Clamp(-start, 0, part.Width);
        var behind = Math.Clamp(canvas.Picture.Width - start, before, part.Width);
        if (behind > before) pixels.Slice((start + before) * Channels, (behind - before) * Channels).CopyTo(output[(before * Channels)..]);
        for (var x = 0; x < before; x++) Write(output.Slice(x * Channels, Channels), canvas.Color);
        for (var x = behind; x < part.Width; x++) Write(output.Slice(x * Channels, Channels), canvas.Color);
    }

    /// <summary>For each wanted output column the sum of the taps that fall beside the picture; the same in every row.</summary>
    private static int[] BorderWeights(Canvas canvas, ResampleWeights weights, Part part)
    {
        var sums = new int[part.Width];
        for (var x = 0; x < part.Width; x++)
        {
            var taps = weights.Of(part.Left + x);
            var start = weights.First(part.Left + x) - canvas.Left;
            var before = Math.Clamp(-start, 0, taps.Length);
            var behind = Math.Clamp(canvas.Picture.Width - start, before, taps.Length);
            sums[x] = Sum(taps[..before]) + Sum(taps[behind..]);
        }

        return sums;
    }

    /// <summary>Σ taps·pixel per channel, from half of the last bit; the fourth element means nothing.</summary>
    private static Vector128<int> Dot(ReadOnlySpan<byte> pixels, int column, ReadOnlySpan<int> taps)
    {
        var sum = Vector128.Create(Half);
        ref var source = ref MemoryMarshal.GetReference(pixels);
        var offset = (nint)column * Channels;
        var tap = 0;
        if (Vector256.IsHardwareAccelerated)
        {
            var pairs = Vector256<int>.Zero;
            // eight bytes at once: two pixels and two bytes more
            for (; tap + 1 < taps.Length && offset <= pixels.Length - sizeof(ulong); tap += 2)
            {
                var eight = Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<ulong>(ref Unsafe.Add(ref source, offset))).AsByte();
                var spread = Vector128.Shuffle(eight, Vector128.Create((byte)0, 1, 2, 255, 3, 4, 5, 255, 255, 255, 255, 255, 255, 255, 255, 255));
                var wide = Vector256.WidenLower(Vector128.WidenLower(spread).ToVector256Unsafe()).AsInt32();
                var two = Unsafe.ReadUnaligned<ulong>(ref Unsafe.As<int, byte>(ref Unsafe.Add(ref MemoryMarshal.GetReference(taps), tap)));
                pairs += wide * Vector256.Shuffle(Vector256.Create(two).AsInt32(), Vector256.Create(0, 0, 0, 0, 1, 1, 1, 1));
                offset += 2 * Channels;
            }

            sum += pairs.GetLower() + pairs.GetUpper();
        }

        for (; tap < taps.Length; tap++)
        {
            // four bytes: a pixel and one byte more, except at the row's end, where the pixel is read byte by byte
            var four = offset <= pixels.Length - sizeof(uint)
                ? Unsafe.ReadUnaligned<uint>(ref Unsafe.Add(ref source, offset))
                : (uint)(Unsafe.Add(ref source, offset) | Unsafe.Add(ref source, offset + 1) << 8 | Unsafe.Add(ref source, offset + 2) << 16);
            sum += Vector128.WidenLower(Vector128.WidenLower(Vector128.CreateScalarUnsafe(four).AsByte())).AsInt32() * taps[tap];
            offset += Channels;
        }

        return sum;
    }

    /// <summary>The row that every canvas row above and below the picture becomes.</summary>
    private static byte[] BorderRow(Canvas canvas, ResampleWeights? weights, Part part)
    {
        var row = new byte[part.Width * Channels];
        for (var x = 0; x < part.Width; x++)
        {
            var destination = row.AsSpan(x * Channels, Channels);
            if (weights is null)
            {
                Write(destination, canvas.Color);
                continue;
            }

            var sum = Sum(weights.Of(part.Left + x));
            destination[0] = Clip(Half + canvas.Color.R * sum);
            destination[1] = Clip(Half + canvas.Color.G * sum);
            destination[2] = Clip(Half + canvas.Color.B * sum);
        }

        return row;
    }

    /// <summary>One output row from rows between the passes; <paramref name="firstRow"/> is the picture row of the first of them.</summary>
    private static void Vertical(Canvas canvas, int outputRow, ResampleWeights? weights, byte[] rows, int firstRow, byte[] border, Span<byte> output)
    {
        var stride = output.Length;
        if (weights is null)
        {
            var row = outputRow - canvas.Top;
            (row >= 0 && row < canvas.Picture.Height ? rows.AsSpan((row - firstRow) * stride, stride) : border).CopyTo(output);
            return;
        }

        var taps = weights.Of(outputRow);
        var start = weights.First(outputRow) - canvas.Top;
        var before = Math.Clamp(-start, 0, taps.Length);
        var behind = Math.Clamp(canvas.Picture.Height - start, before, taps.Length);
        var outside = Sum(taps[..before]) + Sum(taps[behind..]);
        var inside = taps[before..behind];
        var source = rows.AsSpan();
        var offset = inside.Length > 0 ? (start + before - firstRow) * stride : 0;
        var column = 0;
        for (; column <= stride - Vector<byte>.Count; column += Vector<byte>.Count)
            VerticalBlock(source, offset + column, stride, inside, border.AsSpan(column), outside, output[column..]);
        for (; column < stride; column++)
        {
            var sum = Half + border[column] * outside;
            for (var j = 0; j < inside.Length; j++) sum += source[offset + j * stride + column] * inside[j];
            output[column] = Clip(sum);
        }
    }

    /// <summary>A vector of bytes of an output row.</summary>
    private static void VerticalBlock(ReadOnlySpan<byte> rows, int offset, int stride, ReadOnlySpan<int> taps, ReadOnlySpan<byte> border, int outside, Span<byte> output)
    {
        Widen(new Vector<byte>(border), out var b0, out var b1, out var b2, out var b3);
        var half = new Vector<int>(Half);
        Vector<int> s0 = half + b0 * outside, s1 = half + b1 * outside, s2 = half + b2 * outside, s3 = half + b3 * outside;
        foreach (var tap in taps)
        {
            Widen(new Vector<byte>(rows[offset..]), out b0, out b1, out b2, out b3);
            s0 += b0 * tap;
            s1 += b1 * tap;
            s2 += b2 * tap;
            s3 += b3 * tap;
            offset += stride;
        }

        Vector.Narrow(Narrow(s0, s1), Narrow(s2, s3)).CopyTo(output);
    }

    private static void Widen(Vector<byte> bytes, out Vector<int> a, out Vector<int> b, out Vector<int> c, out Vector<int> d)
    {
        Vector.Widen(bytes, out var low, out var high);
        Vector.Widen(low, out var a0, out var b0);
        Vector.Widen(high, out var c0, out var d0);
        (a, b, c, d) = (Vector.AsVectorInt32(a0), Vector.AsVectorInt32(b0), Vector.AsVectorInt32(c0), Vector.AsVectorInt32(d0));
    }

    private static Vector<ushort> Narrow(Vector<int> a, Vector<int> b) => Vector.Narrow(Vector.AsVectorUInt32(Clip(a)), Vector.AsVectorUInt32(Clip(b)));

    private static Vector<int> Clip(Vector<int> sum) => Vector.Min(Vector.Max(sum >> ResampleWeights.Bits, Vector<int>.Zero), new Vector<int>(255));

    private static Vector128<int> Clip(Vector128<int> sum) => Vector128.Min(Vector128.Max(sum >> ResampleWeights.Bits, Vector128<int>.Zero), Vector128.Create(255));

    /// <summary>Writes a pixel and, where there is room, a byte behind it that the next pixel overwrites.</summary>
    private static void Store(Vector128<int> pixel, Span<byte> output)
    {
        var bytes = Vector128.Shuffle(pixel.AsByte(), Vector128.Create((byte)0, 4, 8, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255)).AsUInt32().ToScalar();
        if (output.Length > Channels) Unsafe.WriteUnaligned(ref MemoryMarshal.GetReference(output), bytes);
        else (output[0], output[1], output[2]) = ((byte)bytes, (byte)(bytes >> 8), (byte)(bytes >> 16));
    }

    private static byte Clip(int sum) => (byte)Math.Clamp(sum >> ResampleWeights.Bits, 0, 255);

    private static int Sum(ReadOnlySpan<int> taps)
    {
        var sum = 0;
        foreach (var tap in taps) sum += tap;
        return sum;
    }

    private static void Write(Span<byte> destination, (byte R, byte G, byte B) color) =>
        (destination[0], destination[1], destination[2]) = (color.R, color.G, color.B);
}

/// <summary>A rectangle of a resized picture.</summary>
internal readonly record struct Part(int Left, int Top, int Width, int Height)
{
    public bool IsEmpty => Width <= 0 || Height <= 0;
}

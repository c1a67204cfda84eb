using System.Runtime.CompilerServices;
using FlowCut.Models.Checkpoints;

namespace FlowCut.Models.Backends.Cpu;

/// <summary>Moving rows: copies, gathers, embedding rows widened to fp32, and the patches of a picture.</summary>
internal static unsafe class CpuRows
{
    public static void Copy(CpuView source, CpuView destination)
    {
        for (var row = 0; row < source.Rows; row++) source.RowSpan(row).CopyTo(destination.RowSpan(row));
    }

    public static void Upload(ReadOnlySpan<float> source, CpuView destination)
    {
        for (var row = 0; row < destination.Rows; row++)
            source.Slice(row * destination.Columns, destination.Columns).CopyTo(destination.RowSpan(row));
    }

    public static void Download(CpuView source, Span<float> destination)
    {
        for (var row = 0; row < source.Rows; row++)
            source.RowSpan(row).CopyTo(destination.Slice(row * source.Columns, source.Columns));
    }

    public static void Gather(CpuView x, ReadOnlySpan<int> rows, CpuView y)
    {
        for (var i = 0; i < y.Rows; i++)
        {
            if ((uint)rows[i] >= (uint)x.Rows)
                throw new ArgumentException($"Entry {i} of the row numbers is {rows[i]}, the matrix has {x.Rows} rows.", nameof(rows));
            x.RowSpan(rows[i]).CopyTo(y.RowSpan(i));
        }
    }

    public static void Embed(CpuMatrix embedding, ReadOnlySpan<int> ids, CpuView y)
    {
        for (var i = 0; i < ids.Length; i++)
        {
            if ((uint)ids[i] >= (uint)embedding.Rows)
                throw new ArgumentException($"Entry {i} of the ids is {ids[i]}, the embedding has {embedding.Rows} rows.", nameof(ids));
            Widen(embedding.Row(ids[i]), embedding.Type, y.RowSpan(i));
        }
    }

    private static void Widen(byte* source, StoredType type, Span<float> destination)
    {
        switch (type)
        {
            case StoredType.Float32:
                new ReadOnlySpan<byte>(source, destination.Length * sizeof(float)).CopyTo(System.Runtime.InteropServices.MemoryMarshal.AsBytes(destination));
                break;
            case StoredType.Float16:
                for (var i = 0; i < destination.Length; i++)
                    destination[i] = (float)BitConverter.UInt16BitsToHalf(Unsafe.ReadUnaligned<ushort>(source + 2L * i));
                break;
            default:
                for (var i = 0; i < destination.Length; i++)
                    destination[i] = BitConverter.UInt32BitsToSingle((uint)Unsafe.ReadUnaligned<ushort>(source + 2L * i) << 16);
                break;
        }
    }

    /// <summary>Pixels [channels·height, width] to patches [(height/p)·(width/p), channels·p·p].</summary>
    public static void ImageToPatches(CpuView pixels, int patchSize, CpuView patches)
    {
        var across = pixels.Columns / patchSize;
        const int channels = 3;
        var height = pixels.Rows / channels;
        for (var patch = 0; patch < patches.Rows; patch++)
        {
            var (patchRow, patchColumn) = Math.DivRem(patch, across);
            var to = patches.Row(patch);
            for (var channel = 0; channel < channels; channel++)
            {
                for (var row = 0; row < patchSize; row++, to += patchSize)
                {
                    var from = pixels.Row(channel * height + patchRow * patchSize + row) + patchColumn * patchSize;
                    new ReadOnlySpan<float>(from, patchSize).CopyTo(new Span<float>(to, patchSize));
                }
            }
        }
    }
}

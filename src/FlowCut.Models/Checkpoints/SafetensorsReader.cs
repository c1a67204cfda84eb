using System.Buffers.Binary;
using System.Text.Json;
using System.Text.Unicode;

namespace FlowCut.Models.Checkpoints;

/// <summary>
/// Reads a safetensors file: u64 header length (little-endian), a JSON header, the data. Stricter than the reference
/// implementation in three points that the format's text demands or that hide data: the header begins with '{', no key
/// occurs twice, a tensor has its three fields and no others.
/// </summary>
internal static class SafetensorsReader
{
    /// <summary>The format's own limit on the JSON header, in bytes.</summary>
    internal const int MaxHeaderLength = 100_000_000;

    /// <summary>Far above any model (the largest published have some hundred thousand), far below what exhausts memory.</summary>
    internal const int MaxTensors = 1_000_000;

    private const int LengthBytes = sizeof(ulong);

    /// <param name="path">As messages name the file.</param>
    /// <param name="target">The file to map, where <paramref name="path"/> is a resolved link.</param>
    /// <exception cref="ModelFormatException">The file breaks a rule of the format.</exception>
    public static Checkpoint Open(string path, string? target = null)
    {
        var file = MappedFile.Open(path, target);
        try
        {
            return Parse(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>As <see cref="Open"/>; the checkpoint owns <paramref name="file"/> once it has been returned.</summary>
    internal static Checkpoint Parse(MappedFile file)
    {
        var headerLength = BinaryPrimitives.ReadUInt64LittleEndian(file.Read(0, LengthBytes, "the header's length"));
        if (headerLength > MaxHeaderLength)
            throw new ModelFormatException(file.Path, $"the header at offset 0 says that it is {headerLength} bytes long, the limit is {MaxHeaderLength}: not a safetensors file?");
        var json = file.Read(LengthBytes, (int)headerLength, "the header");
        if (json.IsEmpty || json[0] != (byte)'{')
            throw new ModelFormatException(file.Path, $"the header at offset {LengthBytes} does not begin with '{{': not a safetensors file?");
        if (!Utf8.IsValid(json)) throw new ModelFormatException(file.Path, "the header is not valid UTF-8");

        var header = ParseHeader(file.Path, json);
        CheckLayout(file, header.Tensors, LengthBytes + (long)headerLength);

        var tensors = new Dictionary<string, StoredTensor>(header.Tensors.Count, StringComparer.Ordinal);
        foreach (var entry in header.Tensors)
            tensors.Add(entry.Name, new StoredTensor(entry.Name, file, entry.Format, entry.Shape, LengthBytes + (long)headerLength + entry.Begin, entry.End - entry.Begin));
        return new FileCheckpoint(file.Path, tensors, header.Metadata, file);
    }

    private static SafetensorsHeader ParseHeader(string path, ReadOnlySpan<byte> json)
    {
        try
        {
            return SafetensorsHeader.Parse(path, json);
        }
        catch (JsonException e)
        {
            throw new ModelFormatException(path, $"the header is not valid JSON at offset {LengthBytes + (e.BytePositionInLine ?? 0)} (line {(e.LineNumber ?? 0) + 1}): {e.Message}", e);
        }
        catch (InvalidOperationException e)
        {
            // Utf8JsonReader's answer to an escaped half of a surrogate pair
            throw new ModelFormatException(path, $"the header has a string that is not valid Unicode: {e.Message}", e);
        }
    }

    /// <summary>The data must be covered from its first to its last byte, each once: nothing hidden, nothing shared, nothing outside.</summary>
    private static void CheckLayout(MappedFile file, List<SafetensorsEntry> tensors, long dataStart)
    {
        tensors.Sort(static (a, b) => a.Begin != b.Begin ? a.Begin.CompareTo(b.Begin) : a.End.CompareTo(b.End));
        var end = 0L;
        var previous = "the header";
        foreach (var tensor in tensors)
        {
            if (tensor.Begin < end)
                throw new ModelFormatException(file.Path, $"tensor {Quoted.Text(tensor.Name)} at data offset {tensor.Begin} overlaps {previous}, which ends at {end}");
            if (tensor.Begin > end)
                throw new ModelFormatException(file.Path, $"tensor {Quoted.Text(tensor.Name)} at data offset {tensor.Begin} leaves a hole of {tensor.Begin - end} bytes after {previous}, which ends at {end}");
            end = tensor.End;
            previous = $"tensor {Quoted.Text(tensor.Name)}";
        }

        var available = file.Length - dataStart;
        if (end > available)
            throw new ModelFormatException(file.Path, $"the file is truncated: {previous} ends at data offset {end}, the file has {available} bytes of data (from offset {dataStart})");
        if (end < available)
            throw new ModelFormatException(file.Path, $"{available - end} bytes at offset {dataStart + end}, after {previous}, belong to no tensor");
    }
}

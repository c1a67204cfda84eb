using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace FlowCut.Models.Checkpoints;

/// <summary>A tensor to be written. <paramref name="Shape"/> is row-major, empty for a scalar.</summary>
public readonly record struct TensorDeclaration(string Name, StoredType Type, long[] Shape);

/// <summary>
/// Writes a safetensors file tensor by tensor, in the order of declaration. The data goes into a temporary file in the
/// target's folder, which <see cref="Complete"/> moves over the target in one step; without it <see cref="Dispose"/>
/// deletes it. The target is therefore either the old file or the whole new one.
/// </summary>
/// <remarks>Data begins at a multiple of 8 bytes; declare wide types first where readers of tensors need them aligned.</remarks>
public sealed class SafetensorsWriter : IDisposable
{
    private const int Alignment = 8;

    // large enough that small tensors do not each cost a system call
    private const int BufferSize = 1 << 20;

    private readonly string _path;
    private readonly string _temporaryPath;
    private readonly Queue<(string Name, long ByteLength)> _pending = new();
    private Stream? _stream;
    private long _writtenOfFirst;

    private SafetensorsWriter(string path, string temporaryPath)
    {
        _path = path;
        _temporaryPath = temporaryPath;
    }

    /// <summary>Creates the temporary file, reserves its full size where the file system can, and writes the header.</summary>
    /// <param name="path">The target; an existing file is replaced on completion.</param>
    /// <param name="tensors">Types other than <see cref="StoredType.Other"/>, distinct names.</param>
    /// <param name="metadata">Text pairs for the header.</param>
    /// <exception cref="ArgumentException">A declaration is invalid, or the header would exceed the format's limit.</exception>
    /// <exception cref="IOException">The folder does not exist, the path is a folder, or the disk is full.</exception>
    /// <exception cref="UnauthorizedAccessException">The folder cannot be written to.</exception>
    public static SafetensorsWriter Create(string path, IReadOnlyList<TensorDeclaration> tensors, IReadOnlyDictionary<string, string>? metadata = null) =>
        Create(path, tensors, metadata, OpenFile);

    /// <param name="path">As for the public overload.</param>
    /// <param name="tensors">As for the public overload.</param>
    /// <param name="metadata">As for the public overload.</param>
    /// <param name="open">Opens the temporary file of this name and final length.</param>
    internal static SafetensorsWriter Create(string path, IReadOnlyList<TensorDeclaration> tensors, IReadOnlyDictionary<string, string>? metadata, Func<string, long, Stream> open)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(tensors);
        path = Path.GetFullPath(path);
        if (Directory.Exists(path)) throw new IOException($"'{path}' is a folder; a file name is needed.");

        var writer = new SafetensorsWriter(path, Path.Combine(Path.GetDirectoryName(path)!, $".{Path.GetFileName(path)}.{Path.GetRandomFileName()}.tmp"));
        var (header, dataLength) = writer.Header(tensors, metadata);
        try
        {
            writer._stream = open(writer._temporaryPath, sizeof(ulong) + header.Length + dataLength);
            Span<byte> length = stackalloc byte[sizeof(ulong)];
            BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
            writer._stream.Write(length);
            writer._stream.Write(header.Span);
            return writer;
        }
        catch
        {
            writer.Dispose();
            throw;
        }
    }

    /// <summary>Writes the next bytes of the tensor; several calls may share one tensor.</summary>
    /// <exception cref="ArgumentException">The tensor is not the next in the order of declaration, or is not that long.</exception>
    /// <exception cref="IOException">The disk is full or fails; dispose the writer, nothing stays behind.</exception>
    public void Write(string name, ReadOnlySpan<byte> data)
    {
        var stream = _stream ?? throw new ObjectDisposedException(nameof(SafetensorsWriter));
        SkipWritten(name);
        if (_pending.Count == 0 || _pending.Peek().Name != name)
            throw new ArgumentException(_pending.Count == 0 ? $"All tensors have been written before '{name}'." : $"'{_pending.Peek().Name}' is to be written before '{name}'.", nameof(name));
        if (data.Length > _pending.Peek().ByteLength - _writtenOfFirst)
            throw new ArgumentException($"'{name}' has {_pending.Peek().ByteLength} bytes, {_writtenOfFirst + data.Length} were given.", nameof(data));
        stream.Write(data);
        _writtenOfFirst += data.Length;
    }

    /// <inheritdoc cref="Write(string, ReadOnlySpan{byte})"/>
    public void Write(string name, ReadOnlySpan<float> data) => Write(name, MemoryMarshal.AsBytes(data));

    /// <inheritdoc cref="Write(string, ReadOnlySpan{byte})"/>
    public void Write(string name, ReadOnlySpan<long> data) => Write(name, MemoryMarshal.AsBytes(data));

    /// <summary>Copies a whole tensor of any size.</summary>
    /// <inheritdoc cref="Write(string, ReadOnlySpan{byte})"/>
    public unsafe void Write(string name, StoredTensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        const int Chunk = 1 << 26;
        for (var offset = 0L; offset < tensor.ByteLength; offset += Chunk)
            Write(name, new ReadOnlySpan<byte>(tensor.Data + offset, (int)Math.Min(Chunk, tensor.ByteLength - offset)));
    }

    /// <summary>Moves the file to its place.</summary>
    /// <exception cref="InvalidOperationException">Not every declared byte has been written.</exception>
    /// <exception cref="IOException">The disk is full, or the target cannot be replaced.</exception>
    /// <exception cref="UnauthorizedAccessException">The target cannot be replaced.</exception>
    public void Complete()
    {
        var stream = _stream ?? throw new ObjectDisposedException(nameof(SafetensorsWriter));
        SkipWritten(null);
        if (_pending.Count > 0) throw new InvalidOperationException($"'{_pending.Peek().Name}' lacks {_pending.Peek().ByteLength - _writtenOfFirst} bytes.");
        stream.Dispose();
        File.Move(_temporaryPath, _path, overwrite: true);
        _stream = null;
    }

    /// <summary>Deletes the temporary file unless <see cref="Complete"/> has moved it.</summary>
    public void Dispose()
    {
        if (_stream is null) return;
        try
        {
            _stream.Dispose();
        }
        catch (IOException)
        {
            // flushing to a full disk fails once more; the file goes anyway
        }

        _stream = null;
        File.Delete(_temporaryPath);
    }

    /// <summary>Writes tensors that are in memory, wide types first.</summary>
    /// <param name="path">The target; an existing file is replaced.</param>
    /// <param name="tensors">By name: type, shape and the elements' bytes.</param>
    /// <param name="metadata">Text pairs for the header.</param>
    /// <inheritdoc cref="Create(string, IReadOnlyList{TensorDeclaration}, IReadOnlyDictionary{string, string}?)"/>
    public static void Write(string path, IReadOnlyDictionary<string, TensorData> tensors, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        var ordered = tensors.OrderByDescending(pair => StoredTypes.Format(pair.Value.Type).Bits).ThenBy(pair => pair.Key, StringComparer.Ordinal).ToList();
        using var writer = Create(path, [.. ordered.Select(pair => new TensorDeclaration(pair.Key, pair.Value.Type, pair.Value.Shape))], metadata);
        foreach (var (name, tensor) in ordered) writer.Write(name, tensor.Bytes.Span);
        writer.Complete();
    }

    private static FileStream OpenFile(string path, long length) =>
        new(path, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.None, BufferSize = BufferSize, PreallocationSize = length });

    /// <summary>Goes past tensors that are complete; one without bytes is complete as soon as it is not asked for.</summary>
    private void SkipWritten(string? name)
    {
        while (_pending.Count > 0 && _pending.Peek().Name != name && _pending.Peek().ByteLength == _writtenOfFirst)
        {
            _pending.Dequeue();
            _writtenOfFirst = 0;
        }
    }

    private (ReadOnlyMemory<byte> Header, long DataLength) Header(IReadOnlyList<TensorDeclaration> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(buffer);
        json.WriteStartObject();
        if (metadata is not null)
        {
            json.WriteStartObject(SafetensorsHeader.MetadataKey);
            foreach (var (key, value) in metadata) json.WriteString(key, value);
            json.WriteEndObject();
        }

        var names = new HashSet<string>(StringComparer.Ordinal) { SafetensorsHeader.MetadataKey };
        var offset = 0L;
        foreach (var tensor in tensors)
        {
            if (!names.Add(tensor.Name)) throw new ArgumentException($"The name '{tensor.Name}' is taken.", nameof(tensors));
            var length = WriteEntry(json, tensor, offset);
            _pending.Enqueue((tensor.Name, length));
            offset = checked(offset + length);
        }

        json.WriteEndObject();
        json.Flush();
        while ((sizeof(ulong) + buffer.WrittenCount) % Alignment != 0) buffer.Write(" "u8);
        if (buffer.WrittenCount > SafetensorsReader.MaxHeaderLength)
            throw new ArgumentException($"The header would have {buffer.WrittenCount} bytes, the format allows {SafetensorsReader.MaxHeaderLength}.", nameof(tensors));
        return (buffer.WrittenMemory, offset);
    }

    private static long WriteEntry(Utf8JsonWriter json, TensorDeclaration tensor, long offset)
    {
        var format = StoredTypes.Format(tensor.Type);
        foreach (var extent in tensor.Shape) ArgumentOutOfRangeException.ThrowIfNegative(extent, nameof(tensor));
        if (!StoredTypes.TryByteLength(tensor.Shape, format.Bits, out var length))
            throw new ArgumentException($"The size of '{tensor.Name}' overflows.", nameof(tensor));
        json.WriteStartObject(tensor.Name);
        json.WriteString("dtype", format.Name);
        json.WriteStartArray("shape");
        foreach (var extent in tensor.Shape) json.WriteNumberValue(extent);
        json.WriteEndArray();
        json.WriteStartArray("data_offsets");
        json.WriteNumberValue(offset);
        json.WriteNumberValue(checked(offset + length));
        json.WriteEndArray();
        json.WriteEndObject();
        return length;
    }
}

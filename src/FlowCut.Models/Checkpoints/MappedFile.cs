using System.IO.MemoryMappedFiles;

namespace FlowCut.Models.Checkpoints;

/// <summary>
/// A whole file, mapped read-only. Parsers read through <see cref="Read"/>, which checks bounds; tensors are views of <see cref="Data"/>.
/// There is no finalizer on purpose: raw pointers into the mapping may outlive the last reference to this object, and a
/// mapping that is never disposed is a leak where an early unmap would be a crash.
/// </summary>
internal sealed unsafe class MappedFile : IDisposable
{
    private readonly MemoryMappedFile? _file;
    private readonly MemoryMappedViewAccessor? _view;
    private readonly byte* _data;
    private int _disposed;

    private MappedFile(string path, MemoryMappedFile file, long length)
    {
        Path = path;
        Length = length;
        _file = file;
        _view = file.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read);
        byte* pointer = null;
        _view.SafeMemoryMappedViewHandle.AcquirePointer(ref pointer);
        _data = pointer + _view.PointerOffset;
    }

    /// <summary>Memory of the caller in place of a file, for tests and fuzzing.</summary>
    internal MappedFile(string path, byte* data, long length)
    {
        Path = path;
        Length = length;
        _data = data;
    }

    public string Path { get; }

    public long Length { get; }

    public bool IsDisposed => Volatile.Read(ref _disposed) != 0;

    public byte* Data => _data;

    /// <param name="path">As messages name the file.</param>
    /// <param name="target">The file to map; differs from <paramref name="path"/> where that is a link that has been resolved.</param>
    /// <exception cref="ModelFormatException">The file is absent, empty, not a file or not readable.</exception>
    public static MappedFile Open(string path, string? target = null)
    {
        try
        {
            var stream = new FileStream(target ?? path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
            try
            {
                if (stream.Length == 0) throw new ModelFormatException(path, "the file is empty");
                var file = MemoryMappedFile.CreateFromFile(stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
                try
                {
                    return new MappedFile(path, file, stream.Length);
                }
                catch
                {
                    file.Dispose();
                    throw;
                }
            }
            catch
            {
                stream.Dispose();
                throw;
            }
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ModelFormatException(path, "no such file", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new ModelFormatException(path, $"the file cannot be read: {e.Message}", e);
        }
    }

    /// <param name="offset">From the start of the file.</param>
    /// <param name="count">Bytes.</param>
    /// <param name="what">What is being read, for the message.</param>
    /// <exception cref="ModelFormatException">The range leaves the file.</exception>
    public ReadOnlySpan<byte> Read(long offset, int count, string what)
    {
        ObjectDisposedException.ThrowIf(IsDisposed, this);
        if (offset < 0 || count < 0 || offset > Length - count)
            throw new ModelFormatException(Path, $"{what} ({count} bytes at offset {offset}) lies outside the file, which has {Length} bytes: is it truncated?");
        return new ReadOnlySpan<byte>(_data + offset, count);
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        _view?.SafeMemoryMappedViewHandle.ReleasePointer();
        _view?.Dispose();
        _file?.Dispose();
    }
}

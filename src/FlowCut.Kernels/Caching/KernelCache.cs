using System.Security.Cryptography;
using System.Text.Json;
using FlowCut.Kernels.Caching;

namespace FlowCut.Kernels;

/// <summary>
/// Compiled kernels and measured choices on disk, shared by all processes of a user. An entry is a file and a small JSON note
/// with its checksum; both are written under temporary names and moved, the note last, so that a reader sees whole files only.
/// Whatever does not fit (damaged, truncated, of another version, unreadable) is a miss and is written anew. A folder that
/// cannot be written costs start-up time and nothing else.
/// </summary>
public sealed class KernelCache
{
    /// <summary>The environment variable that names another folder.</summary>
    public const string FolderVariable = "FLOWCUT_KERNEL_CACHE";

    /// <summary>Size beyond which the oldest entries are deleted: many times what one version of the library writes for one device.</summary>
    public const long DefaultMaxBytes = 256L << 20;

    private static readonly Lazy<KernelCache> s_default = new(() => new KernelCache(CacheFolder.Find(Environment.GetEnvironmentVariable)));

    /// <summary>Looking through the folder costs more than writing an entry: it is done at first and then after this share of the size.</summary>
    private const int TrimShare = 16;

    private readonly long _maxBytes;
    private long _untrimmed;
    private string? _problem;

    /// <param name="folder">Where entries lie; created at the first write. Null: nothing is kept.</param>
    /// <param name="maxBytes">Size beyond which the oldest entries are deleted.</param>
    /// <exception cref="ArgumentOutOfRangeException">A negative size.</exception>
    public KernelCache(string? folder, long maxBytes = DefaultMaxBytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxBytes);
        Folder = string.IsNullOrEmpty(folder) ? null : Path.GetFullPath(folder);
        (_maxBytes, _untrimmed) = (maxBytes, maxBytes);
    }

    /// <summary>
    /// The user's cache: the folder of FLOWCUT_KERNEL_CACHE, else flowcut/kernels below XDG_CACHE_HOME or ~/.cache, on Windows
    /// FlowCut\kernels below LOCALAPPDATA. The environment is read once.
    /// </summary>
    public static KernelCache Default => s_default.Value;

    /// <summary>Where entries lie; null if nothing is kept.</summary>
    public string? Folder { get; }

    /// <summary>Why the last attempt to write failed, or null.</summary>
    public string? Problem => Volatile.Read(ref _problem);

    /// <summary>What the folder holds, and whether it can be written. Never throws: for reports.</summary>
    public KernelCacheState Inspect()
    {
        if (Folder is null) return new KernelCacheState(0, 0, false, "no cache folder: neither FLOWCUT_KERNEL_CACHE nor a home folder is set");
        try
        {
            var files = Directory.Exists(Folder) ? new DirectoryInfo(Folder).GetFiles() : [];
            TryWritable(Folder);
            return new KernelCacheState(files.Count(f => f.Extension == ".cubin"), files.Sum(f => f.Length), true, null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return new KernelCacheState(0, 0, false, e.Message);
        }
    }

    /// <summary>The payload of an entry, or null if there is none that is whole.</summary>
    internal byte[]? Read(string key, string extension)
    {
        if (Folder is null) return null;
        try
        {
            var note = JsonSerializer.Deserialize(File.ReadAllBytes(Path.Combine(Folder, key + ".json")), CacheJson.Default.CacheEntry);
            if (note is null || note.Schema != CacheKey.Schema) return null;
            var payload = File.ReadAllBytes(Path.Combine(Folder, key + extension));
            return payload.Length == note.Bytes && Convert.ToHexStringLower(SHA256.HashData(payload)) == note.Sha256 ? payload : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException or NotSupportedException)
        {
            return null;
        }
    }

    /// <summary>Keeps a payload if the folder can be written; remembers why if not.</summary>
    internal void Write(string key, string extension, ReadOnlySpan<byte> payload, string what, string architecture, string compiler)
    {
        if (Folder is null) return;
        try
        {
            CacheFolder.Create(Folder);
            var note = new CacheEntry(CacheKey.Schema, what, architecture, compiler, payload.Length, Convert.ToHexStringLower(SHA256.HashData(payload)));
            Place(Path.Combine(Folder, key + extension), payload);
            Place(Path.Combine(Folder, key + ".json"), JsonSerializer.SerializeToUtf8Bytes(note, CacheJson.Default.CacheEntry));
            if (Interlocked.Add(ref _untrimmed, payload.Length) >= _maxBytes / TrimShare)
            {
                Interlocked.Exchange(ref _untrimmed, 0);
                CacheFolder.Trim(Folder, _maxBytes);
            }

            Volatile.Write(ref _problem, null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Volatile.Write(ref _problem, e.Message);
        }
    }

    private static void Place(string path, ReadOnlySpan<byte> content)
    {
        var temporary = $"{path}.{Guid.NewGuid():N}{CacheFolder.TemporaryExtension}";
        try
        {
            File.WriteAllBytes(temporary, content);
            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    private static void TryWritable(string folder)
    {
        CacheFolder.Create(folder);
        var probe = Path.Combine(folder, $"{Guid.NewGuid():N}{CacheFolder.TemporaryExtension}");
        File.WriteAllBytes(probe, []);
        File.Delete(probe);
    }
}

/// <summary>What a cache folder holds.</summary>
/// <param name="Entries">Compiled kernels.</param>
/// <param name="Bytes">Size of all files.</param>
/// <param name="Writable">Whether new entries can be kept.</param>
/// <param name="Problem">Why not.</param>
public sealed record KernelCacheState(int Entries, long Bytes, bool Writable, string? Problem);

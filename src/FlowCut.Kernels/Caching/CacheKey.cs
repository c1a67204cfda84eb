using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using FlowCut.Kernels.Compilation;

namespace FlowCut.Kernels.Caching;

/// <summary>
/// Names a cache entry: SHA-256 of everything that the image depends on. Every part is preceded by its length, so that no two
/// lists of parts give the same bytes.
/// </summary>
internal static class CacheKey
{
    /// <summary>Changes when entries of an older library must not be found any more.</summary>
    public const int Schema = 1;

    /// <summary>The key in lower-case hexadecimal.</summary>
    /// <param name="source">Source and include closure; the configuration is one of its headers.</param>
    /// <param name="options">Compiler options in order.</param>
    /// <param name="compiler">Which compiler: name and version.</param>
    /// <param name="architecture">The target.</param>
    public static string Compute(KernelSource source, IReadOnlyList<string> options, string compiler, string architecture)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(hash, $"flowcut kernel {Schema}");
        Append(hash, compiler);
        Append(hash, architecture);
        AppendCount(hash, options.Count);
        foreach (var option in options) Append(hash, option);
        Append(hash, source.Name);
        Append(hash, source.Text);
        AppendCount(hash, source.Headers.Count);
        foreach (var header in source.Headers)
        {
            Append(hash, header.Name);
            Append(hash, header.Text);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    /// <summary>The key of anything else that is kept in the same folder.</summary>
    public static string Compute(params ReadOnlySpan<string> parts)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(hash, $"flowcut note {Schema}");
        foreach (var part in parts) Append(hash, part);
        return Convert.ToHexStringLower(hash.GetHashAndReset());
    }

    private static void Append(IncrementalHash hash, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        AppendCount(hash, bytes.Length);
        hash.AppendData(bytes);
    }

    private static void AppendCount(IncrementalHash hash, int count)
    {
        Span<byte> bytes = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32LittleEndian(bytes, count);
        hash.AppendData(bytes);
    }
}

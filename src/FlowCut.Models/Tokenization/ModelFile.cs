using System.Diagnostics.CodeAnalysis;

namespace FlowCut.Models.Tokenization;

/// <summary>Reads a tokenizer's files whole.</summary>
internal static class ModelFile
{
    // the largest published tokenizer.json has about 35 MB
    private const long MaxLength = 256L << 20;

    /// <summary>The file's bytes; false if there is no such file.</summary>
    /// <exception cref="ModelFormatException">The file cannot be read or is larger than any tokenizer.</exception>
    public static bool TryRead(string path, [NotNullWhen(true)] out byte[]? bytes)
    {
        bytes = null;
        if (!File.Exists(path)) return false;
        try
        {
            var length = new FileInfo(path).Length;
            if (length > MaxLength) throw new ModelFormatException(path, $"has {length} bytes; a tokenizer's file has at most {MaxLength}");
            bytes = File.ReadAllBytes(path);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelFormatException(path, $"cannot be read: {e.Message}", e);
        }
    }
}

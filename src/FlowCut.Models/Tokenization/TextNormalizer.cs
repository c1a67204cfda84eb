using System.Text;

namespace FlowCut.Models.Tokenization;

/// <summary>Rewrites a piece of text before it is split into tokens.</summary>
internal abstract class TextNormalizer
{
    /// <summary>U+2581, which stands for a space in SentencePiece vocabularies.</summary>
    public const char SpaceMark = '▁';

    public abstract string Normalize(ReadOnlySpan<char> text);
}

/// <summary>Normaliser of a tokenizer.json: its steps in order.</summary>
internal sealed class StepNormalizer(IReadOnlyList<Func<string, string>> steps) : TextNormalizer
{
    /// <summary>Puts <paramref name="prefix"/> in front of a text that is not empty.</summary>
    public static Func<string, string> Prepend(string prefix) => text => text.Length > 0 ? prefix + text : text;

    /// <summary>Replaces every occurrence of <paramref name="pattern"/>.</summary>
    public static Func<string, string> Replace(string pattern, string content) => text => text.Replace(pattern, content, StringComparison.Ordinal);

    public override string Normalize(ReadOnlySpan<char> text)
    {
        var result = text.ToString();
        foreach (var step in steps) result = step(result);
        return result;
    }
}

/// <summary>
/// Normaliser of a SentencePiece model whose character map is empty (identity): spaces are counted, marked and prefixed,
/// nothing else changes. Rules: normalizer.cc of sentencepiece.
/// </summary>
internal sealed class SentencePieceNormalizer : TextNormalizer
{
    /// <summary>A space goes in front of every text that is not empty.</summary>
    public required bool AddDummyPrefix { get; init; }

    /// <summary>Leading and trailing spaces go, runs of spaces become one.</summary>
    public required bool RemoveExtraWhitespaces { get; init; }

    /// <summary>Spaces become <see cref="TextNormalizer.SpaceMark"/>.</summary>
    public required bool EscapeWhitespaces { get; init; }

    /// <summary>The model's user-defined pieces: their inner spaces are not counted.</summary>
    public required TokenTrie? UserDefined { get; init; }

    public override string Normalize(ReadOnlySpan<char> text)
    {
        if (RemoveExtraWhitespaces)
        {
            while (!text.IsEmpty && text[..ChunkLength(text)] is " ") text = text[1..];
        }

        if (text.IsEmpty) return "";
        var space = EscapeWhitespaces ? SpaceMark : ' ';
        var result = new StringBuilder(text.Length + 1);
        if (AddDummyPrefix) result.Append(space);
        var afterSpace = RemoveExtraWhitespaces;
        while (!text.IsEmpty)
        {
            var length = ChunkLength(text);
            var chunk = text[..length];
            text = text[length..];
            if (afterSpace) chunk = chunk.TrimStart(' ');
            if (chunk.IsEmpty) continue;
            foreach (var character in chunk) result.Append(character == ' ' ? space : character);
            afterSpace = RemoveExtraWhitespaces && chunk[^1] == ' ';
        }

        if (!RemoveExtraWhitespaces) return result.ToString();
        var end = result.Length;
        while (end > 0 && result[end - 1] == space) end--;
        return result.ToString(0, end);
    }

    private int ChunkLength(ReadOnlySpan<char> text) =>
        UserDefined is { } trie && trie.TryMatch(text, out var length, out _) ? length : 1;
}

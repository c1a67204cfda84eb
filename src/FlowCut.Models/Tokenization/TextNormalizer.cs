using System.Text;

namespace FlowCut.Models.Tokenization;

/// <summary>Rewrites a piece of text before it is split into tokens.</summary>
internal abstract class TextNormalizer
{
    /// <summary>U+2581, which stands for a space in SentencePiece vocabularies.</summary>
    public const char SpaceMark = '▁';

    public abstract string Normalize(ReadOnlySpan<char> text);
}

/// <summary>One step of a tokenizer.json's normaliser: puts a prefix in front, or replaces every occurrence of a text.</summary>
/// <param name="Pattern">What is replaced; null for a prefix.</param>
/// <param name="Content">The replacement, or the prefix.</param>
internal readonly record struct NormalizerStep(string? Pattern, string Content);

/// <summary>Normaliser of a tokenizer.json: its steps in order. An empty text gets no prefix.</summary>
internal sealed class StepNormalizer(IReadOnlyList<NormalizerStep> steps) : TextNormalizer
{
    public override string Normalize(ReadOnlySpan<char> text)
    {
        var result = text.ToString();
        foreach (var (pattern, content) in steps)
        {
            if (pattern is not null) result = result.Replace(pattern, content, StringComparison.Ordinal);
            else if (result.Length > 0) result = content + result;
        }

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

/// <summary>When <see cref="Metaspace"/> puts its mark in front of a piece of text that does not begin with one.</summary>
internal enum PrependScheme
{
    Always,
    First,
    Never,
}

/// <summary>Pre-tokenizer "Metaspace" of a tokenizer.json: spaces become marks, and a piece may get one in front.</summary>
/// <param name="Replacement">The mark.</param>
/// <param name="Scheme">Where a mark is put in front: at every piece, only at the beginning of the whole text, or nowhere.</param>
/// <param name="Split">Tokens do not reach over a mark: the text is cut in front of each.</param>
internal sealed record Metaspace(char Replacement, PrependScheme Scheme, bool Split)
{
    public string Apply(ReadOnlySpan<char> text, bool first)
    {
        var result = text.ToString().Replace(' ', Replacement);
        var prepend = Scheme == PrependScheme.Always || (Scheme == PrependScheme.First && first);
        return prepend && !result.StartsWith(Replacement) ? Replacement + result : result;
    }

    /// <summary>Length of the first part of <paramref name="text"/>, which is not empty.</summary>
    public int PartLength(ReadOnlySpan<char> text)
    {
        if (!Split) return text.Length;
        var next = text[1..].IndexOf(Replacement);
        return next < 0 ? text.Length : next + 1;
    }
}

using System.Text;

namespace FlowCut.Models.Tokenization;

/// <summary>
/// Makes a byte-level tokenizer of the older pair of files, vocab.json and merges.txt. They do not say how a text is cut
/// and normalised: that follows from the class that tokenizer_config.json names, of which Qwen2's is known.
/// </summary>
internal static class VocabularyAndMerges
{
    private static readonly string[] _classes = ["Qwen2Tokenizer", "Qwen2TokenizerFast"];

    /// <param name="path">The vocab.json.</param>
    /// <param name="bytes">Its contents.</param>
    /// <param name="mergesPath">The merges.txt.</param>
    /// <param name="merges">Its contents.</param>
    /// <param name="configuration">What the small files beside them say.</param>
    public static TokenizerParts Load(string path, byte[] bytes, string mergesPath, byte[] merges, TokenizerConfiguration configuration)
    {
        if (!_classes.Contains(configuration.TokenizerClass))
        {
            var found = configuration.TokenizerClass is { } name ? $"names '{name}'" : "names none";
            throw new ModelFormatException(
                path,
                $"how vocab.json and merges.txt are used follows from tokenizer_class in tokenizer_config.json, which {found}; {string.Join(" and ", _classes)} are supported");
        }

        using var file = JsonFile.Parse(path, bytes);
        var vocabulary = BpeModelJson.ReadVocabulary(file, file.Root, "the file", isByteLevel: true);
        var rules = new BytePairRules { Characters = vocabulary.FindByteCharacters(), Merges = ReadMerges(mergesPath, merges, vocabulary) };
        configuration.AddTo(vocabulary, matchNormalized: true);
        return new TokenizerParts
        {
            Vocabulary = vocabulary,
            Encoder = new BytePairEncoder(rules),
            Normalizer = new StepNormalizer([CanonicalComposition.Compose]),
            PreTokenizer = new ByteLevel(SplitExpression.Qwen2),
            Decoding = DecodingRules.OfByteLevel(vocabulary),
            BosId = IdOf(configuration.BosToken),
            EosId = IdOf(configuration.EosToken),
            PadId = IdOf(configuration.PadToken),
            AddsBos = configuration.AddsBos ?? false,
        };

        int? IdOf(string? text) => text is null ? null : vocabulary.IdOf(text);
    }

    /// <summary>A line per merge in the order of their ranks, two tokens with a space between; the first line may name the version.</summary>
    /// <param name="path">The merges.txt.</param>
    /// <param name="bytes">Its contents.</param>
    /// <param name="vocabulary">Has every token that is merged.</param>
    /// <param name="hasWordEnds">It was read with word ends.</param>
    public static MergeTable ReadMerges(string path, ReadOnlySpan<byte> bytes, Vocabulary vocabulary, bool hasWordEnds = false)
    {
        var merges = new MergeTable(vocabulary.Ids.Count);
        var (number, rank) = (0, 0);
        foreach (var line in Decode(path, bytes).EnumerateLines())
        {
            number++;
            if (line.IsEmpty || (number == 1 && line.StartsWith("#version"))) continue;
            // only the second token of a merge can end a word, and it ends the line
            if (!merges.TryAddLine(vocabulary, hasWordEnds ? WordEnd.Spell(line.ToString()) : line, rank++, out var missing))
            {
                throw new ModelFormatException(path, missing is null
                    ? $"line {number} '{line}' does not have two parts"
                    : $"line {number} '{line}' has '{(hasWordEnds ? WordEnd.Plain(missing) : missing)}', which is not in the vocabulary");
            }
        }

        return merges;
    }

    private static ReadOnlySpan<char> Decode(string path, ReadOnlySpan<byte> bytes)
    {
        try
        {
            return new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes);
        }
        catch (DecoderFallbackException e)
        {
            throw new ModelFormatException(path, $"not UTF-8: {e.Message}", e);
        }
    }
}

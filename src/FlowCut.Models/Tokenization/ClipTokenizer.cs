namespace FlowCut.Models.Tokenization;

/// <summary>
/// CLIP's tokenizer: byte-level BPE over the words of a text in lower case, between a token for the beginning and one for the end. Reads
/// vocab.json and merges.txt, and the names of the two tokens from the small files beside them. Immutable, safe for concurrent use.
/// </summary>
/// <remarks>As Hugging Face's <c>tokenizers</c> does with CLIP's tokenizer.json, except that nothing in a text stands for a special token.</remarks>
internal sealed class ClipTokenizer
{
    private readonly BytePairEncoder _encoder;
    private readonly ByteLevel _words = new(SplitExpression.Clip, marksWordEnds: true);
    private readonly int _begin, _end;

    private ClipTokenizer(BytePairEncoder encoder, int begin, int end, int maxId) => (_encoder, _begin, _end, MaxId) = (encoder, begin, end, maxId);

    /// <summary>The highest id of any token.</summary>
    public int MaxId { get; }

    /// <exception cref="InputException">A file is missing.</exception>
    /// <exception cref="ModelFormatException">A file is damaged or contradicts another one.</exception>
    public static ClipTokenizer Load(string folder)
    {
        string path = Path.Combine(folder, "vocab.json"), mergesPath = Path.Combine(folder, "merges.txt");
        if (!ModelFile.TryRead(path, out var bytes) || !ModelFile.TryRead(mergesPath, out var merges))
            throw new InputException($"{folder}: CLIP's tokenizer is vocab.json with merges.txt, and {(bytes is null ? "vocab.json" : "merges.txt")} is not there");
        using var file = JsonFile.Parse(path, bytes);
        var vocabulary = BpeModelJson.ReadVocabulary(file, file.Root, "the file", isByteLevel: true, hasWordEnds: true);
        var rules = new BytePairRules
        {
            Characters = Characters(vocabulary),
            Merges = VocabularyAndMerges.ReadMerges(mergesPath, merges, vocabulary, hasWordEnds: true),
        };
        var configuration = TokenizerConfiguration.Read(folder);
        return new ClipTokenizer(
            new BytePairEncoder(rules), Require(vocabulary, configuration.BosToken ?? "<|startoftext|>"), Require(vocabulary, configuration.EosToken ?? "<|endoftext|>"), vocabulary.MaxId);
    }

    /// <summary>Ids of a text of any length, the token for its beginning in front and the one for its end behind.</summary>
    public int[] Encode(string text)
    {
        var buffer = new EncodingBuffer();
        buffer.Ids.Add(_begin);
        var normalized = Lower(CanonicalComposition.Compose(Tokenizer.ReplaceLoneSurrogates(text).ToString()));
        if (normalized.Length > 0) _words.Encode(normalized, first: true, _encoder, buffer);
        buffer.Ids.Add(_end);
        return [.. buffer.Ids];
    }

    /// <summary>Character by character, whatever stands around it; the dotted capital I is the only one that becomes two.</summary>
    private static string Lower(string text) => text.Replace("\u0130", "i\u0307", StringComparison.Ordinal).ToLowerInvariant();

    /// <summary>Every byte, inside a word and at its end.</summary>
    private static Dictionary<int, int> Characters(Vocabulary vocabulary)
    {
        var characters = vocabulary.FindByteCharacters();
        for (var value = 0; value < 256; value++)
        {
            var last = WordEnd.Mark(ByteAlphabet.CharacterOf(value));
            characters.Add(last, vocabulary.IdOf([last]) ?? throw vocabulary.Error($"the vocabulary has no token '{WordEnd.Plain(last.ToString())}', which stands for the byte 0x{value:X2} at the end of a word"));
        }

        return characters;
    }

    private static int Require(Vocabulary vocabulary, string token) =>
        vocabulary.IdOf(token) ?? throw vocabulary.Error($"the vocabulary has no token '{token}', which stands at the beginning or the end of a text");
}

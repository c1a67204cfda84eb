namespace FlowCut.Models.Tokenization;

/// <summary>
/// Turns text into token ids and back: byte-pair encoding over characters, with byte tokens for characters that the
/// vocabulary lacks (Llama, Vicuna, Mistral, InternLM2), or over the bytes of UTF-8 (Qwen2, Llama 3). Reads Hugging Face's
/// tokenizer.json or, where there is none, a SentencePiece tokenizer.model, else Qwen2's vocab.json and merges.txt; special
/// tokens also from tokenizer_config.json, special_tokens_map.json and added_tokens.json. Immutable, safe for concurrent use.
/// </summary>
/// <remarks>
/// A tokenizer.json, and vocab.json with merges.txt, are followed as Hugging Face's <c>tokenizers</c> does, a
/// tokenizer.model as <c>sentencepiece</c> does;
/// special tokens are recognised in the text, and what stands between two of them is encoded by itself.
/// Lone surrogates in a text count as U+FFFD.
/// </remarks>
public sealed class Tokenizer
{
    private readonly TokenizerParts _parts;
    private readonly AddedTokenSplitter _rawTokens;
    private readonly AddedTokenSplitter? _normalizedTokens;

    private Tokenizer(TokenizerParts parts)
    {
        _parts = parts;
        var added = parts.Vocabulary.AddedTokens;
        _rawTokens = new AddedTokenSplitter([.. added.Where(token => !token.Normalized)], content => content);
        var normalized = added.Where(token => token.Normalized).ToArray();
        if (normalized.Length > 0) _normalizedTokens = new AddedTokenSplitter(normalized, content => parts.Normalizer.Normalize(content));
    }

    /// <summary>Id of the token that begins a sequence; null if none is named.</summary>
    public int? BosId => _parts.BosId;

    /// <summary>Id of the token that ends a sequence; null if none is named. A model may stop at others as well.</summary>
    public int? EosId => _parts.EosId;

    /// <summary>Id of the token for text that has no other; null if there is none.</summary>
    public int? UnknownId => _parts.UnknownId;

    /// <summary>Id of the token that fills up batches; null if there is none.</summary>
    public int? PadId => _parts.PadId;

    /// <summary>Whether a prompt always begins with <see cref="BosId"/>. <see cref="Encode"/> does not add it.</summary>
    public bool AddsBos => _parts is { AddsBos: true, BosId: not null };

    /// <summary>The highest id of any token, added ones included. A model's embedding must have more rows than this.</summary>
    public int MaxId => _parts.Vocabulary.MaxId;

    /// <summary>Number of ids: <see cref="MaxId"/> + 1.</summary>
    public int VocabularySize => MaxId + 1;

    /// <summary>Loads the tokenizer of a model folder.</summary>
    /// <exception cref="InputException">The folder has no tokenizer: no tokenizer.json, no tokenizer.model, and not both vocab.json and merges.txt.</exception>
    /// <exception cref="ModelFormatException">A file is damaged, contradicts another one, or is of a kind that is not supported.</exception>
    public static Tokenizer Load(string modelDirectory)
    {
        ArgumentException.ThrowIfNullOrEmpty(modelDirectory);
        var path = Path.Combine(modelDirectory, "tokenizer.json");
        if (ModelFile.TryRead(path, out var bytes))
        {
            return new Tokenizer(TokenizerJson.Load(path, bytes, TokenizerConfiguration.Read(modelDirectory)));
        }

        path = Path.Combine(modelDirectory, "tokenizer.model");
        if (ModelFile.TryRead(path, out bytes))
        {
            return new Tokenizer(SentencePieceTokenizer.Load(path, bytes, TokenizerConfiguration.Read(modelDirectory)));
        }

        path = Path.Combine(modelDirectory, "vocab.json");
        var mergesPath = Path.Combine(modelDirectory, "merges.txt");
        var (hasVocabulary, hasMerges) = (ModelFile.TryRead(path, out bytes), ModelFile.TryRead(mergesPath, out var merges));
        if (hasVocabulary && hasMerges)
        {
            return new Tokenizer(VocabularyAndMerges.Load(path, bytes!, mergesPath, merges!, TokenizerConfiguration.Read(modelDirectory)));
        }

        var hint = hasVocabulary ? "; of the last two merges.txt is missing" : hasMerges ? "; of the last two vocab.json is missing" : "";
        throw new InputException($"{modelDirectory}: no tokenizer: neither tokenizer.json nor tokenizer.model nor vocab.json with merges.txt is there{hint}");
    }

    /// <summary>Id of the token with this text (in a SentencePiece vocabulary with U+2581 for each space, in a byte-level one with 'Ġ' for it), or null.</summary>
    public int? IdOf(string token)
    {
        ArgumentNullException.ThrowIfNull(token);
        return _parts.Vocabulary.IdOf(token);
    }

    /// <summary>As <see cref="IdOf"/>, for a token that a model cannot do without, such as the one that stands for a picture.</summary>
    /// <exception cref="ModelFormatException">The vocabulary lacks it.</exception>
    public int RequireId(string token) =>
        IdOf(token) ?? throw _parts.Vocabulary.Error($"the vocabulary and the added tokens beside it have no token '{token}', which the model needs");

    /// <summary>Text of the token with this id as the vocabulary has it, or null if no token has it.</summary>
    public string? TokenOf(int id) => _parts.Vocabulary.TextOf(id);

    /// <summary>Whether <see cref="Decode"/> leaves this id out when it skips special tokens.</summary>
    public bool IsSpecial(int id) => (uint)id < (uint)_parts.Decoding.Special.Length && _parts.Decoding.Special[id];

    /// <summary>Ids of a text in which the texts of special and added tokens stand for those tokens. Nothing is put in front or at the end.</summary>
    public int[] Encode(ReadOnlySpan<char> text)
    {
        text = ReplaceLoneSurrogates(text);
        var buffer = new EncodingBuffer();
        foreach (var part in _rawTokens.Split(text))
        {
            if (part.Token is { } id) buffer.Ids.Add(id);
            else EncodeBetween(text[part.Start..part.End], part.Start == 0, buffer);
        }

        return [.. buffer.Ids];
    }

    /// <summary>Ids of a text in which nothing stands for a special or added token: for text from an untrusted source.</summary>
    public int[] EncodePlain(ReadOnlySpan<char> text)
    {
        var buffer = new EncodingBuffer();
        EncodeNormalized(_parts.Normalizer.Normalize(ReplaceLoneSurrogates(text)), first: true, buffer);
        return [.. buffer.Ids];
    }

    /// <summary>
    /// Text of the given ids, special tokens as their text or left out. A space that encoding puts in front is dropped;
    /// bytes that form no character become U+FFFD. Ids that no token has add nothing: embeddings are often padded with rows
    /// that no token uses, and a model may choose one.
    /// </summary>
    public string Decode(ReadOnlySpan<int> ids, bool skipSpecial)
    {
        var detokenizer = CreateDetokenizer(skipSpecial);
        foreach (var id in ids) detokenizer.Append(id);
        return detokenizer.Flush();
    }

    /// <summary>Decodes ids one at a time, see <see cref="StreamingDetokenizer"/>.</summary>
    /// <param name="skipSpecial">Special tokens are left out.</param>
    public StreamingDetokenizer CreateDetokenizer(bool skipSpecial) => new(_parts.Decoding, skipSpecial);

    private void EncodeBetween(ReadOnlySpan<char> text, bool first, EncodingBuffer buffer)
    {
        var normalized = _parts.Normalizer.Normalize(text);
        if (_normalizedTokens is null)
        {
            EncodeNormalized(normalized, first, buffer);
            return;
        }

        foreach (var part in _normalizedTokens.Split(normalized))
        {
            if (part.Token is { } id) buffer.Ids.Add(id);
            else EncodeNormalized(normalized.AsSpan(part.Start, part.End - part.Start), first && part.Start == 0, buffer);
        }
    }

    private void EncodeNormalized(ReadOnlySpan<char> text, bool first, EncodingBuffer buffer)
    {
        if (!text.IsEmpty) _parts.PreTokenizer.Encode(text, first, _parts.Encoder, buffer);
    }

    internal static ReadOnlySpan<char> ReplaceLoneSurrogates(ReadOnlySpan<char> text)
    {
        char[]? copy = null;
        for (var i = text.IndexOfAnyInRange('\uD800', '\uDFFF'); (uint)i < (uint)text.Length; i++)
        {
            if (!char.IsSurrogate(text[i])) continue;
            if (i + 1 < text.Length && char.IsSurrogatePair(text[i], text[i + 1]))
            {
                i++;
                continue;
            }

            copy ??= text.ToArray();
            copy[i] = '\uFFFD';
        }

        return copy ?? text;
    }
}

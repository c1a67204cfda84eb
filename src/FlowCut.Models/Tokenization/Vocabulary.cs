using System.Buffers;
using System.Text;

namespace FlowCut.Models.Tokenization;

/// <summary>Tokens by id and ids by text. Where an added token has the id of another token, its text stands for the id.</summary>
internal sealed class Vocabulary
{
    private readonly string _file;
    private readonly Dictionary<string, int> _ids;
    private readonly List<AddedToken> _added = [];
    private readonly Dictionary<string, int> _addedIndices = new(StringComparer.Ordinal);
    private readonly List<string?> _texts;

    /// <param name="file">Named in errors.</param>
    /// <param name="capacity">Expected number of tokens.</param>
    public Vocabulary(string file, int capacity)
    {
        _file = file;
        _ids = new Dictionary<string, int>(capacity, StringComparer.Ordinal);
        _texts = new List<string?>(capacity);
    }

    /// <summary>An added token may have the id of a token with another text, as in InternLM2.</summary>
    public bool SharedIds { get; init; } = true;

    /// <summary>The highest id; -1 if there is no token.</summary>
    public int MaxId => _texts.Count - 1;

    public Dictionary<string, int> Ids => _ids;

    /// <summary>Special tokens first, otherwise in the order in which they were added.</summary>
    public IReadOnlyList<AddedToken> AddedTokens => [.. _added.Where(token => token.Special), .. _added.Where(token => !token.Special)];

    public string? TextOf(int id) => (uint)id < (uint)_texts.Count ? _texts[id] : null;

    public int? IdOf(ReadOnlySpan<char> text) =>
        _ids.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(text, out var id) ? id : null;

    /// <summary>Adds a token whose text and id are both new.</summary>
    public void Add(string text, int id)
    {
        CheckId(text, id, _file);
        if (TextOf(id) is { } other) throw new ModelFormatException(_file, $"tokens '{other}' and '{text}' have the same id {id}");
        if (!_ids.TryAdd(text, id)) throw new ModelFormatException(_file, $"token '{text}' occurs twice, with ids {_ids[text]} and {id}");
        SetText(id, text);
    }

    /// <summary>Adds a token that is looked for in the text itself; replaces an earlier one with the same text.</summary>
    /// <param name="token">The token; its id may be another token's.</param>
    /// <param name="file">The file that declares it, named in errors.</param>
    public void Add(AddedToken token, string file)
    {
        CheckId(token.Content, token.Id, file);
        if (_ids.TryGetValue(token.Content, out var id) && id != token.Id)
        {
            throw new ModelFormatException(file, $"token '{token.Content}' has id {id} in the vocabulary, but {token.Id} as an added token");
        }

        if (!SharedIds && TextOf(token.Id) is { } other && other != token.Content)
        {
            throw new ModelFormatException(file, $"the added token '{token.Content}' has id {token.Id}, which is that of token '{other}'");
        }

        _ids[token.Content] = token.Id;
        SetText(token.Id, token.Content);
        if (_addedIndices.TryAdd(token.Content, _added.Count)) _added.Add(token);
        else _added[_addedIndices[token.Content]] = token;
    }

    /// <summary>Id of each token that is a single character, by code point.</summary>
    public Dictionary<int, int> FindCharacters()
    {
        var characters = new Dictionary<int, int>();
        foreach (var (text, id) in _ids)
        {
            if (Rune.DecodeFromUtf16(text, out var character, out var length) == OperationStatus.Done && length == text.Length)
            {
                characters.Add(character.Value, id);
            }
        }

        return characters;
    }

    /// <summary>Ids of the 256 tokens of a byte-level vocabulary that stand for one byte each, by their character.</summary>
    /// <exception cref="ModelFormatException">One of them is missing.</exception>
    public Dictionary<int, int> FindByteCharacters()
    {
        var characters = new Dictionary<int, int>();
        for (var value = 0; value < 256; value++)
        {
            var character = ByteAlphabet.CharacterOf(value);
            var id = IdOf([character]) ?? throw Error($"the vocabulary has no token '{character}', which stands for the byte 0x{value:X2} in byte-level BPE");
            characters.Add(character, id);
        }

        return characters;
    }

    /// <summary>By id: the text, or null where no token has the id.</summary>
    public string?[] GetTexts() => [.. _texts];

    /// <summary>By id: whether it is a special token's.</summary>
    public bool[] GetSpecial()
    {
        var special = new bool[_texts.Count];
        foreach (var token in _added) special[token.Id] |= token.Special;
        return special;
    }

    public ModelFormatException Error(string reason) => new(_file, reason);

    private static void CheckId(string text, int id, string file)
    {
        if (text.Length == 0) throw new ModelFormatException(file, $"the token with id {id} has no text");
        if (id is >= 0 and <= BytePairEncoder.MaxTokenId) return;
        throw new ModelFormatException(file, $"token '{text}' has id {id}; ids must lie between 0 and {BytePairEncoder.MaxTokenId}");
    }

    private void SetText(int id, string text)
    {
        while (_texts.Count <= id) _texts.Add(null);
        _texts[id] = text;
    }
}

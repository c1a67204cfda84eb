using System.Globalization;
using System.Text.Json;

namespace FlowCut.Models.Tokenization;

/// <summary>
/// What the small files beside a tokenizer say: tokenizer_config.json, special_tokens_map.json and added_tokens.json,
/// each of which may be absent. Where two of them name a token's role, the first counts.
/// </summary>
internal sealed class TokenizerConfiguration
{
    private static readonly string[] _roles = ["bos_token", "eos_token", "unk_token", "pad_token"];

    private readonly List<DeclaredToken> _declared = [];
    private readonly Dictionary<string, string> _byRole = [];

    /// <summary>Text of the token that begins a sequence, if a file names one.</summary>
    public string? BosToken => _byRole.GetValueOrDefault("bos_token");

    public string? EosToken => _byRole.GetValueOrDefault("eos_token");

    public string? PadToken => _byRole.GetValueOrDefault("pad_token");

    /// <summary>Whether <see cref="BosToken"/> is put in front of every sequence, if a file says so.</summary>
    public bool? AddsBos { get; private set; }

    /// <summary>Name of the tokenizer's class in Hugging Face's library, if tokenizer_config.json gives it.</summary>
    public string? TokenizerClass { get; private set; }

    /// <exception cref="ModelFormatException">One of the files is damaged.</exception>
    public static TokenizerConfiguration Read(string directory)
    {
        var configuration = new TokenizerConfiguration();
        configuration.ReadFile(Path.Combine(directory, "tokenizer_config.json"), isMain: true);
        configuration.ReadFile(Path.Combine(directory, "special_tokens_map.json"), isMain: false);
        configuration.ReadAddedTokens(Path.Combine(directory, "added_tokens.json"));
        return configuration;
    }

    /// <summary>Adds the declared tokens that <paramref name="vocabulary"/> does not have as added tokens yet.</summary>
    /// <param name="vocabulary">Receives the tokens.</param>
    /// <param name="matchNormalized">Whether a token's <see cref="AddedToken.Normalized"/> is honoured; else all are looked for in the text as given.</param>
    /// <exception cref="ModelFormatException">A token has no id, or not the one that the vocabulary gives it.</exception>
    public void AddTo(Vocabulary vocabulary, bool matchNormalized)
    {
        var present = vocabulary.AddedTokens.Select(token => token.Content).ToHashSet(StringComparer.Ordinal);
        var special = _declared.Where(token => token.Token.Special).Select(token => token.Token.Content).ToHashSet(StringComparer.Ordinal);
        // tokens with an id first: other declarations of the same token then add nothing
        foreach (var (file, token, hasId) in _declared.OrderByDescending(token => token.HasId))
        {
            if (hasId && vocabulary.IdOf(token.Content) is { } known && known != token.Id)
            {
                throw new ModelFormatException(file, $"token '{token.Content}' has id {token.Id}, but {known} elsewhere in the tokenizer's files");
            }

            if (!present.Add(token.Content)) continue;
            var id = hasId ? token.Id : vocabulary.IdOf(token.Content);
            // padding is never encoded, and some checkpoints name a token for it that they do not have
            if (id is null && token.Content == PadToken) continue;
            if (id is null) throw new ModelFormatException(file, $"the special token '{token.Content}' is not in the vocabulary");
            var isSpecial = special.Contains(token.Content);
            vocabulary.Add(token with { Id = id.Value, Special = isSpecial, Normalized = token.Normalized && !isSpecial && matchNormalized }, file);
        }
    }

    private void ReadFile(string path, bool isMain)
    {
        if (!ModelFile.TryRead(path, out var bytes)) return;
        using var file = JsonFile.Parse(path, bytes);
        var root = file.Root;
        foreach (var role in _roles)
        {
            if (file.Find(root, role, "the file") is not { } value) continue;
            var token = ReadToken(file, value, role);
            if (token.Content.Length == 0) continue;
            _byRole.TryAdd(role, token.Content);
            Declare(file, token);
        }

        foreach (var list in new[] { "additional_special_tokens", "extra_special_tokens" }) ReadList(file, list);
        if (!isMain) return;
        if (file.Find(root, "add_bos_token", "the file") is { } addsBos) AddsBos = file.Flag(addsBos, "add_bos_token");
        TokenizerClass = file.FindText(root, "tokenizer_class", "the file");
        if (file.Find(root, "added_tokens_decoder", "the file") is not { } decoder) return;
        foreach (var property in file.Members(decoder, "added_tokens_decoder"))
        {
            var name = file.NameOf(property, "added_tokens_decoder");
            if (!int.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var id))
            {
                throw file.Error($"'{name}' in added_tokens_decoder is not a token id");
            }

            var token = ReadToken(file, property.Value, $"added_tokens_decoder.{name}");
            var special = file.FindFlag(property.Value, "special", $"added_tokens_decoder.{name}", otherwise: false);
            _declared.Add(new DeclaredToken(path, token with { Id = id, Special = special }, HasId: true));
        }
    }

    private void ReadList(JsonFile file, string list)
    {
        if (file.Find(file.Root, list, "the file") is not { } value) return;
        // older files hold a list, newer ones may hold an object of names
        if (value.ValueKind == JsonValueKind.Object)
        {
            foreach (var property in value.EnumerateObject()) Declare(file, ReadToken(file, property.Value, list));
        }
        else
        {
            foreach (var item in file.Items(value, list)) Declare(file, ReadToken(file, item, list));
        }
    }

    private void ReadAddedTokens(string path)
    {
        if (!ModelFile.TryRead(path, out var bytes)) return;
        using var file = JsonFile.Parse(path, bytes);
        foreach (var property in file.Members(file.Root, "the file"))
        {
            var content = file.NameOf(property, "the file");
            var id = file.Number(property.Value, $"'{content}'");
            _declared.Add(new DeclaredToken(path, new AddedToken(content, id, Special: false, Normalized: true), HasId: true));
        }
    }

    private void Declare(JsonFile file, AddedToken token) =>
        _declared.Add(new DeclaredToken(file.Path, token with { Special = true }, HasId: false));

    private static AddedToken ReadToken(JsonFile file, JsonElement value, string where)
    {
        if (value.ValueKind == JsonValueKind.String) return new AddedToken(file.Text(value, where), 0, Special: true);
        return TokenizerJson.ReadAddedToken(file, value, where);
    }

    private readonly record struct DeclaredToken(string File, AddedToken Token, bool HasId);
}

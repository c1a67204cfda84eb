using System.Text.Json;

namespace FlowCut.Models.Tokenization;

/// <summary>Makes a tokenizer of a Hugging Face tokenizer.json. What this library does not implement is refused by name.</summary>
internal static class TokenizerJson
{
    public static TokenizerParts Load(string path, byte[] bytes, TokenizerConfiguration configuration)
    {
        using var file = JsonFile.Parse(path, bytes);
        var root = file.Root;
        var preTokenizer = PreTokenizerJson.Read(file, file.Find(root, "pre_tokenizer", "the file"));
        var isByteLevel = preTokenizer is ByteLevel;
        var decoder = file.Find(root, "decoder", "the file");
        if (isByteLevel != DecoderJson.IsByteLevel(file, decoder)) throw file.Error("of the pre-tokenizer and the decoder only one is byte-level (ByteLevel)");

        var model = file.Require(root, "model", "the file");
        var vocabulary = BpeModelJson.ReadVocabulary(file, model, isByteLevel);
        var rules = BpeModelJson.ReadRules(file, model, vocabulary, isByteLevel, out var unknownId);
        ReadAddedTokens(file, vocabulary);
        configuration.AddTo(vocabulary, matchNormalized: true);
        var steps = new List<Func<string, string>>();
        if (file.Find(root, "normalizer", "the file") is { } normalizer) ReadNormalizer(file, normalizer, "normalizer", steps);
        var templateBos = ReadTemplateBos(file, root);
        return new TokenizerParts
        {
            Vocabulary = vocabulary,
            Encoder = new BytePairEncoder(rules),
            Normalizer = new StepNormalizer(steps),
            PreTokenizer = preTokenizer,
            Decoding = DecoderJson.Read(file, decoder, vocabulary),
            UnknownId = unknownId,
            BosId = IdOf(configuration.BosToken ?? templateBos),
            EosId = IdOf(configuration.EosToken),
            PadId = IdOf(configuration.PadToken),
            AddsBos = configuration.AddsBos ?? templateBos is not null,
        };

        int? IdOf(string? text) => text is null ? null : vocabulary.IdOf(text);
    }

    /// <summary>The object form of an added token; an id is not read.</summary>
    public static AddedToken ReadAddedToken(JsonFile file, JsonElement value, string where) => new(
        file.Text(file.Require(value, "content", where), $"{where}.content"),
        0,
        file.FindFlag(value, "special", where, otherwise: false),
        file.FindFlag(value, "single_word", where, otherwise: false),
        file.FindFlag(value, "lstrip", where, otherwise: false),
        file.FindFlag(value, "rstrip", where, otherwise: false),
        file.FindFlag(value, "normalized", where, otherwise: false));

    /// <summary>The name of an object's type, which all parts of a tokenizer.json have.</summary>
    public static string TypeOf(JsonFile file, JsonElement value, string where) =>
        file.Text(file.Require(value, "type", where), $"{where}.type");

    /// <summary>The literal text that a "Replace" looks for; a regular expression is refused.</summary>
    public static string ReadPattern(JsonFile file, JsonElement value, string where)
    {
        var pattern = file.Require(value, "pattern", where);
        var text = file.FindText(pattern, "String", $"{where}.pattern") ?? throw file.Error($"{where} replaces a regular expression, which is not supported");
        return text.Length > 0 ? text : throw file.Error($"{where} replaces an empty text");
    }

    private static void ReadAddedTokens(JsonFile file, Vocabulary vocabulary)
    {
        if (file.Find(file.Root, "added_tokens", "the file") is not { } tokens) return;
        foreach (var item in file.Items(tokens, "added_tokens"))
        {
            var token = ReadAddedToken(file, item, "an added token");
            var id = file.Number(file.Require(item, "id", "an added token"), $"the id of added token '{token.Content}'");
            vocabulary.Add(token with { Id = id }, file.Path);
        }
    }

    private static void ReadNormalizer(JsonFile file, JsonElement value, string where, List<Func<string, string>> steps)
    {
        var type = TypeOf(file, value, where);
        switch (type)
        {
            case "Sequence":
                foreach (var member in file.Items(file.Require(value, "normalizers", where), $"{where}.normalizers"))
                {
                    ReadNormalizer(file, member, where, steps);
                }

                break;
            case "Prepend":
                steps.Add(StepNormalizer.Prepend(file.Text(file.Require(value, "prepend", where), $"{where}.prepend")));
                break;
            case "Replace":
                steps.Add(StepNormalizer.Replace(ReadPattern(file, value, where), file.Text(file.Require(value, "content", where), $"{where}.content")));
                break;
            case "NFC":
                steps.Add(CanonicalComposition.Compose);
                break;
            default:
                throw file.Error($"the normaliser '{type}' is not supported; Sequence, Prepend, Replace and NFC are");
        }
    }

    /// <summary>The special token that the template for one sequence begins with, or null.</summary>
    private static string? ReadTemplateBos(JsonFile file, JsonElement root)
    {
        const string Where = "post_processor";
        if (file.Find(root, Where, "the file") is not { } processor) return null;
        return FindTemplateBos(file, processor, Where);
    }

    private static string? FindTemplateBos(JsonFile file, JsonElement processor, string where)
    {
        switch (TypeOf(file, processor, where))
        {
            case "Sequence":
                foreach (var member in file.Items(file.Require(processor, "processors", where), $"{where}.processors"))
                {
                    if (FindTemplateBos(file, member, where) is { } found) return found;
                }

                return null;
            case "TemplateProcessing":
                foreach (var part in file.Items(file.Require(processor, "single", where), $"{where}.single"))
                {
                    return file.Find(part, "SpecialToken", $"{where}.single") is { } special
                        ? file.FindText(special, "id", $"{where}.single.SpecialToken")
                        : null;
                }

                return null;
            default:
                return null;
        }
    }
}

using System.Text.Json;

namespace FlowCut.Models.Tokenization;

/// <summary>
/// The object "decoder" of a tokenizer.json: replacements within each token, then ByteFallback, Fuse, and Strip of
/// leading characters, in this order, as every conversion of a SentencePiece BPE model has it; or ByteLevel alone.
/// </summary>
internal static class DecoderJson
{
    private const string Where = "decoder";

    public static DecodingRules Read(JsonFile file, JsonElement? decoder, Vocabulary vocabulary)
    {
        if (decoder is not { } value) throw file.Error("there is no decoder: ids could not be turned into text");
        if (IsByteLevel(file, decoder)) return DecodingRules.OfByteLevel(vocabulary);
        var replacements = new List<(string Pattern, string Content)>();
        var (hasBytes, isFused, leadingSpaces) = (false, false, 0);
        foreach (var member in TokenizerJson.TypeOf(file, value, Where) == "Sequence"
            ? [.. file.Items(file.Require(value, "decoders", Where), $"{Where}.decoders")]
            : new[] { value })
        {
            var type = TokenizerJson.TypeOf(file, member, Where);
            switch (type)
            {
                case "Replace" when !hasBytes && !isFused:
                    replacements.Add((TokenizerJson.ReadPattern(file, member, Where), file.Text(file.Require(member, "content", Where), $"{Where}.content")));
                    break;
                case "ByteFallback" when !isFused:
                    hasBytes = true;
                    break;
                case "Fuse":
                    isFused = true;
                    break;
                case "Strip" when isFused && leadingSpaces == 0:
                    leadingSpaces = ReadStrip(file, member);
                    break;
                default:
                    throw file.Error($"the decoder's step '{type}' is not supported, or not in this place; a decoder is Replace, ByteFallback, Fuse, Strip, in this order, or ByteLevel alone");
            }
        }

        var texts = vocabulary.GetTexts();
        var bytes = TokenBytes.OfByteTokens(texts.Length, id => hasBytes ? ByteTokens.ValueOf(texts[id]) : -1);
        for (var id = 0; id < texts.Length; id++)
        {
            foreach (var (pattern, content) in replacements) texts[id] = texts[id]?.Replace(pattern, content, StringComparison.Ordinal);
        }

        return new DecodingRules
        {
            Texts = texts,
            SpaceMark = ' ',
            Bytes = bytes,
            Invalid = InvalidBytes.WholeRun,
            Special = vocabulary.GetSpecial(),
            LeadingSpaces = leadingSpaces,
        };
    }

    public static bool IsByteLevel(JsonFile file, JsonElement? decoder) => decoder is { } value && TokenizerJson.TypeOf(file, value, Where) == "ByteLevel";

    private static int ReadStrip(JsonFile file, JsonElement value)
    {
        var content = file.FindText(value, "content", Where);
        var start = file.Number(file.Require(value, "start", Where), $"{Where}.start");
        var stop = file.Number(file.Require(value, "stop", Where), $"{Where}.stop");
        if (content != " " || start < 0 || stop != 0) throw file.Error("the decoder's Strip is not supported: only leading spaces can be stripped");
        return start;
    }
}

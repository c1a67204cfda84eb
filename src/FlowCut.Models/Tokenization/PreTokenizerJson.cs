using System.Text.Json;

namespace FlowCut.Models.Tokenization;

/// <summary>The object "pre_tokenizer" of a tokenizer.json: Metaspace, or ByteLevel, with or without a Split before it.</summary>
internal static class PreTokenizerJson
{
    private const string Where = "pre_tokenizer";
    private const string Supported = "Metaspace, ByteLevel, and a Sequence of Split and ByteLevel are";

    public static PreTokenizer Read(JsonFile file, JsonElement? preTokenizer)
    {
        if (preTokenizer is not { } value) return new WholeText();
        var type = TokenizerJson.TypeOf(file, value, Where);
        switch (type)
        {
            case "Metaspace":
                return ReadMetaspace(file, value);
            case "ByteLevel":
                return ReadByteLevel(file, value, null);
            case "Sequence":
                JsonElement[] members = [.. file.Items(file.Require(value, "pretokenizers", Where), $"{Where}.pretokenizers")];
                return members.Select(member => TokenizerJson.TypeOf(file, member, Where)).ToArray() switch
                {
                    ["ByteLevel"] => ReadByteLevel(file, members[0], null),
                    ["Split", "ByteLevel"] => ReadByteLevel(file, members[1], ReadSplit(file, members[0])),
                    var types => throw file.Error($"the pre-tokenizer Sequence of '{string.Join("', '", types)}' is not supported; {Supported}"),
                };
            default:
                throw file.Error($"the pre-tokenizer '{type}' is not supported; {Supported}");
        }
    }

    private static ByteLevel ReadByteLevel(JsonFile file, JsonElement value, SplitExpression? split)
    {
        if (file.FindFlag(value, "add_prefix_space", Where, otherwise: true)) throw file.Error("the pre-tokenizer ByteLevel with add_prefix_space is not supported");
        if (!file.FindFlag(value, "use_regex", Where, otherwise: true)) return new ByteLevel(split);
        if (split is not null) throw file.Error("the pre-tokenizer ByteLevel with use_regex after a Split is not supported: the text would be cut twice");
        return new ByteLevel(SplitExpression.Gpt2);
    }

    private static SplitExpression ReadSplit(JsonFile file, JsonElement value)
    {
        var behavior = file.Text(file.Require(value, "behavior", Where), $"{Where}.behavior");
        if (behavior != "Isolated" || file.FindFlag(value, "invert", Where, otherwise: false))
        {
            throw file.Error($"the pre-tokenizer Split with behavior '{behavior}' or with invert is not supported; Isolated without invert is");
        }

        var pattern = file.FindText(file.Require(value, "pattern", Where), "Regex", $"{Where}.pattern")
            ?? throw file.Error("the pre-tokenizer Split at a text is not supported; one by an expression (Regex) is");
        return SplitExpression.Find(pattern)
            ?? throw file.Error($"the pre-tokenizer splits by an expression that is not supported; those of GPT-2, Llama 3 and Qwen2 are. The expression is: {pattern}");
    }

    private static Metaspace ReadMetaspace(JsonFile file, JsonElement value)
    {
        var mark = file.FindText(value, "replacement", Where) ?? TextNormalizer.SpaceMark.ToString();
        if (mark.Length != 1) throw file.Error($"{Where}.replacement '{mark}' must be one character");
        // files from before prepend_scheme only say whether there is a prefix
        var prefixed = file.FindFlag(value, "add_prefix_space", Where, otherwise: true);
        var name = file.FindText(value, "prepend_scheme", Where) ?? (prefixed ? "always" : "never");
        var scheme = name switch
        {
            "always" => PrependScheme.Always,
            "first" => PrependScheme.First,
            "never" => PrependScheme.Never,
            _ => throw file.Error($"{Where}.prepend_scheme '{name}' must be always, first or never"),
        };
        if (!prefixed && scheme != PrependScheme.Never) throw file.Error($"{Where}.add_prefix_space contradicts prepend_scheme '{name}'");
        return new Metaspace(mark[0], scheme, file.FindFlag(value, "split", Where, otherwise: true));
    }
}

using System.Text.Json.Nodes;
using FlowCut.Models.Tokenization;
using FlowCut.Testing;

namespace FlowCut.Models.Tests.Tokenization;

/// <summary>What the files of byte-level tokenizers may hold, and what is refused by name.</summary>
public class ByteLevelFilesTests
{
    private const string Qwen2 = "tokenizers/qwen2-vl";

    [Fact]
    public void The_cuts_are_those_of_the_file_and_no_token_reaches_over_them()
    {
        Action<JsonObject> merge = root =>
        {
            ((JsonObject)Model(root)["vocab"]!)["12"] = 900;
            ((JsonArray)Model(root)["merges"]!).Add("1 2");
        };
        Assert.DoesNotContain(900, LoadJson(merge).Encode("a12"));
        Assert.Contains(900, LoadJson(merge, root => Split(root)["pattern"]!["Regex"] = SplitExpression.Llama3Pattern).Encode("a12"));
        Assert.DoesNotContain(900, LoadJson(merge, root => Split(root)["pattern"]!["Regex"] = SplitExpression.Llama3Pattern).Encode("3412"));
        Assert.Contains(900, LoadJson(merge, root => root["pre_tokenizer"] = ByteLevel(useRegex: true)).Encode("3412"));
        Assert.Contains(900, LoadJson(merge, root => root["pre_tokenizer"] = ByteLevel(useRegex: false)).Encode("3412"));
    }

    [Fact]
    public void Whole_tokens_go_before_merges_if_the_model_says_so()
    {
        Action<JsonObject> unreachable = root => ((JsonObject)Model(root)["vocab"]!)["Ġqzj"] = 900;
        Assert.DoesNotContain(900, LoadJson(unreachable).Encode(" qzj"));
        Assert.Equal([900], LoadJson(unreachable, root => Model(root)["ignore_merges"] = true).Encode(" qzj"));
    }

    [Fact]
    public void Without_normaliser_marks_stay()
    {
        Assert.Equal(LoadJson(_ => { }).Encode("é"), LoadJson(_ => { }).Encode("e\u0301"));
        var plain = LoadJson(root => root["normalizer"] = null);
        Assert.NotEqual(plain.Encode("é"), plain.Encode("e\u0301"));
    }

    [Fact]
    public void An_added_token_is_its_text_and_no_bytes()
    {
        // 'Ġ' and 'é' stand for bytes elsewhere
        var tokenizer = LoadJson(root => ((JsonArray)root["added_tokens"]!).Add((JsonNode)new JsonObject { ["id"] = 900, ["content"] = "<Ġé｜>", ["special"] = true }));
        Assert.Equal([900], tokenizer.Encode("<Ġé｜>"));
        Assert.Equal("<Ġé｜>", tokenizer.Decode([900], skipSpecial: false));
    }

    public static TheoryData<string, Action<JsonObject>, string> RefusedJson => new()
    {
        { "expression", root => Split(root)["pattern"]!["Regex"] = @"\p{Han}+|\s+", @"The expression is: \p{Han}+|\s+" },
        { "text", root => Split(root)["pattern"] = JsonNode.Parse("""{"String":" "}"""), "Split at a text" },
        { "behavior", root => Split(root)["behavior"] = "Removed", "'Removed'" },
        { "invert", root => Split(root)["invert"] = true, "invert" },
        { "two cuts", root => Sequence(root)[1]!["use_regex"] = true, "cut twice" },
        { "prefix", root => Sequence(root)[1]!["add_prefix_space"] = true, "add_prefix_space" },
        { "other sequence", root => Sequence(root).Insert(0, JsonNode.Parse("""{"type":"Digits"}""")), "'Digits', 'Split', 'ByteLevel'" },
        { "decoder", root => root["decoder"] = JsonNode.Parse("""{"type":"Fuse"}"""), "only one is byte-level" },
        { "no pre-tokenizer", root => root["pre_tokenizer"] = null, "only one is byte-level" },
        { "byte fallback", root => Model(root)["byte_fallback"] = true, "byte_fallback" },
        { "byte missing", root => Vocabulary(root).Remove("Ġ"), "'Ġ', which stands for the byte 0x20" },
        { "no byte-level text", root => Vocabulary(root)["世"] = 900, "'世' with id 900 is not byte-level: '世' (U+4E16)" },
        { "shared id", root => root["added_tokens"]![0]!["id"] = 5, "id 5, which is that of token '&'" },
        { "shared added id", root => root["added_tokens"]![0]!["id"] = 801, "id 801" },
        { "id twice", root => Vocabulary(root)["qq"] = 5, "same id 5" },
        { "merge of unknown token", root => Merges(root).Add("qz zq"), "merge 544 has 'qz'" },
        { "merge into unknown token", root => Merges(root).Add("q z"), "merge 544 has 'qz'" },
        { "merge pair", root => Merges(root).Add((JsonNode)new JsonArray("q", "z", "x")), "merge 544" },
        { "merge of one", root => Merges(root).Add("the"), "two parts" },
        { "contradiction", root => root["added_tokens"]![0]!["id"] = 900, "'<|endoftext|>' has id 800, but 900" },
    };

    [Theory]
    [MemberData(nameof(RefusedJson))]
    public void What_is_not_supported_in_a_tokenizer_json_is_refused_by_name(string what, Action<JsonObject> edit, string expected)
    {
        var error = Assert.Throws<ModelFormatException>(() => LoadJson(edit));
        Assert.True(error.Message.Contains(expected, StringComparison.Ordinal), $"{what}: {error.Message}");
    }

    // file, what replaces what in it, the file that the error names, what it says
    [Theory]
    [InlineData("tokenizer_config.json", "\"Qwen2Tokenizer\"", "\"GPT2Tokenizer\"", "vocab.json", "'GPT2Tokenizer'")]
    [InlineData("tokenizer_config.json", "\"tokenizer_class\"", "\"class\"", "vocab.json", "names none")]
    [InlineData("vocab.json", "\"&\": 5", "\"&\": 4", "vocab.json", "same id 4")]
    [InlineData("vocab.json", "\"&\": 5", "\"&\": \"5\"", "vocab.json", "'&' is not a 32-bit integer")]
    [InlineData("vocab.json", "\"&\": 5", "\"世\": 5", "vocab.json", "'&', which stands for the byte 0x26")]
    [InlineData("vocab.json", "\"&\": 5", "\"&\": 5, \"世\": 900", "vocab.json", "'世' with id 900 is not byte-level")]
    [InlineData("vocab.json", "\"&\": 5", "\"&\": 5, \"<|im_end|>\": 900", "tokenizer_config.json", "'<|im_end|>' has id 802, but 900")]
    [InlineData("vocab.json", "\"&\": 5,", "\"&\": 5, \"qq\": 801,", "tokenizer_config.json", "id 801, which is that of token 'qq'")]
    [InlineData("merges.txt", "h e\n", "h e\nq z\n", "merges.txt", "line 3 'q z' has 'qz'")]
    [InlineData("merges.txt", "h e\n", "h 世\n", "merges.txt", "line 2 'h 世' has '世'")]
    [InlineData("merges.txt", "h e\n", "he\n", "merges.txt", "line 2 'he' does not have two parts")]
    [InlineData("merges.txt", "h e\n", "h e \n", "merges.txt", "does not have two parts")]
    [InlineData("merges.txt", "h e\n", "#version: 0.2\n", "merges.txt", "line 2 '#version: 0.2' has '#version:'")]
    public void What_contradicts_in_the_older_files_is_refused_by_name(string file, string old, string replacement, string named, string expected)
    {
        using var folder = TokenizerFolder.CopyOf(Qwen2, without: "tokenizer.json");
        var text = File.ReadAllText(folder.File(file));
        Assert.Contains(old, text, StringComparison.Ordinal);
        folder.Write(file, text.Replace(old, replacement, StringComparison.Ordinal));
        var error = Assert.Throws<ModelFormatException>(() => Tokenizer.Load(folder.Path));
        Assert.Equal(folder.File(named), error.File);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_older_files_may_have_line_ends_of_windows_and_must_be_utf8_and_a_pair()
    {
        using var folder = TokenizerFolder.CopyOf(Qwen2, without: "tokenizer.json");
        var expected = Tokenizer.Load(folder.Path).Encode("the picture");
        var merges = File.ReadAllText(folder.File("merges.txt"));
        folder.Write("merges.txt", merges.Replace("\n", "\r\n", StringComparison.Ordinal));
        Assert.Equal(expected, Tokenizer.Load(folder.Path).Encode("the picture"));
        folder.Write("merges.txt", [.. "h e\n"u8, 0xC3, (byte)'\n']);
        Assert.Contains("not UTF-8", Assert.Throws<ModelFormatException>(() => Tokenizer.Load(folder.Path)).Message, StringComparison.Ordinal);
        File.Delete(folder.File("merges.txt"));
        Assert.Contains("merges.txt is missing", Assert.Throws<InputException>(() => Tokenizer.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_tokenizer_json_goes_before_the_older_files()
    {
        using var folder = TokenizerFolder.CopyOf(Qwen2);
        folder.Write("vocab.json", "damaged");
        Assert.Equal([801], Tokenizer.Load(folder.Path).Encode("<|im_start|>"));
    }

    private static JsonObject Model(JsonObject root) => (JsonObject)root["model"]!;

    private static JsonObject Vocabulary(JsonObject root) => (JsonObject)Model(root)["vocab"]!;

    private static JsonArray Merges(JsonObject root) => (JsonArray)Model(root)["merges"]!;

    private static JsonArray Sequence(JsonObject root) => (JsonArray)root["pre_tokenizer"]!["pretokenizers"]!;

    private static JsonObject Split(JsonObject root) => (JsonObject)Sequence(root)[0]!;

    private static JsonObject ByteLevel(bool useRegex) => new() { ["type"] = "ByteLevel", ["add_prefix_space"] = false, ["use_regex"] = useRegex };

    private static Tokenizer LoadJson(params Action<JsonObject>[] edits)
    {
        using var folder = TokenizerFolder.CopyOf(Qwen2, "tokenizer.json");
        var root = (JsonObject)JsonNode.Parse(File.ReadAllText(Path.Combine(Goldens.Require(Qwen2), "tokenizer.json")))!;
        foreach (var edit in edits) edit(root);
        folder.Write("tokenizer.json", root.ToJsonString());
        return Tokenizer.Load(folder.Path);
    }
}

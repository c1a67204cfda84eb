using System.Text.Json.Nodes;
using FlowCut.Models.Tokenization;
using FlowCut.Testing;

namespace FlowCut.Models.Tests.Tokenization;

public class TokenizerJsonTests
{
    private const string Golden = "tokenizers/llama/hf-llava/tokenizer.json";

    [Fact]
    public void Merges_may_be_pairs()
    {
        var pairs = Load(root => Model(root)["merges"] = new JsonArray([.. Merges(root).Select(merge =>
            (JsonNode)new JsonArray([.. merge!.GetValue<string>().Split(' ').Select(part => (JsonNode)part)]))]));
        foreach (var item in TokenizerCases.Read("tokenizers/llama/tokenizer-cases.jsonl"))
        {
            Assert.Equal(item.Ids("hf_fast"), pairs.Encode(item.Text("text")));
        }
    }

    [Fact]
    public void White_space_beside_a_token_is_swallowed_if_the_token_says_so()
    {
        var tokenizer = Load(
            Added(1002, "<left>", ("lstrip", true)),
            Added(1003, "<right>", ("rstrip", true)),
            Added(1004, "<left><right>"));
        var (a, b) = (tokenizer.Encode("a")[0], tokenizer.Encode("b")[0]);
        Assert.Equal([a, 1002, 841, b], tokenizer.Encode("a \n <left> b"));
        Assert.Equal([a, 841, 1003, b], tokenizer.Encode("a <right> \t\u3000b"));
        // the longest of those that begin at one place; white space belongs to the token before it
        Assert.Equal([1004, 1003, 1002], tokenizer.Encode("<left><right><right>  <left>"));
    }

    [Fact]
    public void A_single_word_is_recognised_only_if_no_word_character_touches_it()
    {
        var tokenizer = Load(Added(1002, "cat", ("single_word", true)));
        foreach (var text in new[] { "cat", "cat.", " cat ", "(cat)", "cat-cat" }) Assert.Contains(1002, tokenizer.Encode(text));
        foreach (var text in new[] { "cats", "_cat", "1cat", "cat\u0301", "écat", "cat\u200D", "catcat" }) Assert.DoesNotContain(1002, tokenizer.Encode(text));
    }

    [Fact]
    public void A_normalized_token_is_found_in_its_normalised_form()
    {
        // the prefix makes '</s>' read '▁</s>': found at the beginning of a text and after a space, and nowhere else
        var tokenizer = Load(root => Tokens(root)[2]!["normalized"] = true);
        Assert.Equal([2], tokenizer.Encode("</s>"));
        Assert.Equal(tokenizer.Encode("a").Append(2), tokenizer.Encode("a </s>"));
        Assert.DoesNotContain(2, tokenizer.Encode("a</s>"));
        Assert.Equal([1, 2], tokenizer.Encode("<s></s>"));
        Assert.Equal("a", tokenizer.Decode([261, 2], skipSpecial: true));
    }

    [Theory]
    [InlineData("always", "▁a", "▁a", "▁a")]
    [InlineData("first", "▁a", "▁a", "a")]
    [InlineData("never", "a", "▁a", "a")]
    public void Metaspace_puts_a_mark_in_front(string scheme, string atStart, string afterSpace, string afterToken)
    {
        var tokenizer = Load(root => UseMetaspace(root, scheme, split: false));
        Assert.Equal([tokenizer.IdOf(atStart)!.Value], tokenizer.Encode("a"));
        // a space is a mark already: none is added
        Assert.Equal([tokenizer.IdOf(afterSpace)!.Value], tokenizer.Encode(" a"));
        Assert.Equal([1, tokenizer.IdOf(afterToken)!.Value], tokenizer.Encode("<s>a"));
    }

    [Fact]
    public void Only_the_beginning_of_the_whole_text_is_the_first_piece()
    {
        var tokenizer = Load(root => UseMetaspace(root, "first", split: false), Added(1002, "cat", ("normalized", true)));
        Assert.Equal([1002, 844], tokenizer.Encode("cata"));
        Assert.Equal([261, 1002, 844, 1, 844], tokenizer.Encode("acata<s>a"));
    }

    [Fact]
    public void Metaspace_may_cut_the_text_at_its_marks()
    {
        var whole = Load(root => UseMetaspace(root, "always", split: false));
        var cut = Load(root => UseMetaspace(root, "always", split: true));
        Assert.Equal([whole.IdOf("▁▁")!.Value], whole.Encode("  "));
        Assert.Equal([841, 841], cut.Encode("  "));
        Assert.Equal(whole.Encode("the cat"), cut.Encode("the cat"));
        var old = Load(root =>
        {
            UseMetaspace(root, "always", split: false);
            root["pre_tokenizer"] = new JsonObject { ["type"] = "Metaspace", ["replacement"] = "▁", ["add_prefix_space"] = false };
        });
        Assert.Equal([844, 265], old.Encode("a b"));
    }

    [Fact]
    public void With_ignore_merges_a_text_that_is_a_token_stays_whole()
    {
        void AddToken(JsonObject root) => ((JsonObject)Model(root)["vocab"]!).Add("▁qzq", 1002);
        Assert.Equal(4, Load(AddToken).Encode("qzq").Length);
        Assert.Equal([1002], Load(root =>
        {
            AddToken(root);
            Model(root)["ignore_merges"] = true;
        }).Encode("qzq"));
    }

    [Theory]
    [InlineData(true, 2)]
    [InlineData(false, 4)]
    public void Unknown_characters_are_fused_if_the_model_says_so(bool fuse, int length)
    {
        var tokenizer = Load(root =>
        {
            Model(root)["byte_fallback"] = false;
            Model(root)["fuse_unk"] = fuse;
        });
        var ids = tokenizer.Encode("界界界");
        Assert.Equal(length, ids.Length);
        Assert.All(ids[1..], id => Assert.Equal(tokenizer.UnknownId, id));
    }

    [Fact]
    public void Bad_utf8_in_spelled_bytes_costs_the_whole_run()
    {
        var tokenizer = Load(_ => { });
        int[] ids = [.. new byte[] { 0xE4, 0xB8, 0x96, 0xE4 }.Select(value => 3 + value)];
        Assert.Equal("世a", tokenizer.Decode([.. ids[..3], 844], skipSpecial: false));
        Assert.Equal("\uFFFD\uFFFD\uFFFD\uFFFDa", tokenizer.Decode([.. ids, 844], skipSpecial: false));
    }

    [Fact]
    public void Tokens_of_the_small_files_are_added()
    {
        using var folder = new TokenizerFolder();
        folder.Write("tokenizer.json", Edit(_ => { }));
        folder.Write("added_tokens.json", """{ "<new>": 1002 }""");
        folder.Write("special_tokens_map.json", """{ "additional_special_tokens": ["<new>"], "pad_token": "[none]", "bos_token": { "content": "<s>" } }""");
        folder.Write("tokenizer_config.json", """{ "add_bos_token": false, "eos_token": "</s>" }""");
        var tokenizer = Tokenizer.Load(folder.Path);
        Assert.Equal([1002], tokenizer.Encode("<new>"));
        Assert.True(tokenizer.IsSpecial(1002));
        Assert.Equal((1, 2, null, 1002), (tokenizer.BosId, tokenizer.EosId, tokenizer.PadId, tokenizer.MaxId));
        Assert.False(tokenizer.AddsBos);

        folder.Write("special_tokens_map.json", """{ "eos_token": "<absent>" }""");
        var error = Assert.Throws<ModelFormatException>(() => Tokenizer.Load(folder.Path));
        Assert.Equal(folder.File("special_tokens_map.json"), error.File);
        Assert.Contains("'<absent>' is not in the vocabulary", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_small_files_the_template_tells_the_first_token()
    {
        Assert.Equal((1, true), (Load(_ => { }).BosId, Load(_ => { }).AddsBos));
        var without = Load(root => root["post_processor"] = null);
        Assert.Equal((null, false), (without.BosId, without.AddsBos));
    }

    [Fact]
    public void A_folder_without_tokenizer_is_named()
    {
        using var folder = new TokenizerFolder();
        var error = Assert.Throws<InputException>(() => Tokenizer.Load(folder.Path));
        Assert.StartsWith(folder.Path, error.Message, StringComparison.Ordinal);
        folder.Write("merges.txt", "");
        Assert.Contains("vocab.json is missing", Assert.Throws<InputException>(() => Tokenizer.Load(folder.Path)).Message, StringComparison.Ordinal);
        File.Move(folder.File("merges.txt"), folder.File("vocab.json"));
        Assert.Contains("merges.txt is missing", Assert.Throws<InputException>(() => Tokenizer.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    public static TheoryData<string, Action<JsonObject>, string> Refused => new()
    {
        { "byte-level pre-tokenizer", root => root["pre_tokenizer"] = JsonNode.Parse("""{"type":"ByteLevel","add_prefix_space":false}"""), "only one is byte-level" },
        { "byte-level decoder", root => root["decoder"] = JsonNode.Parse("""{"type":"ByteLevel"}"""), "only one is byte-level" },
        { "Unigram", root => Model(root)["type"] = "Unigram", "'Unigram'" },
        { "normaliser", root => root["normalizer"] = JsonNode.Parse("""{"type":"NFKC"}"""), "normaliser 'NFKC'" },
        { "regular expression", root => root["normalizer"] = JsonNode.Parse("""{"type":"Replace","pattern":{"Regex":"a"},"content":""}"""), "regular expression" },
        { "pre-tokenizer", root => root["pre_tokenizer"] = JsonNode.Parse("""{"type":"Whitespace"}"""), "'Whitespace'" },
        { "prepend scheme", root => root["pre_tokenizer"] = JsonNode.Parse("""{"type":"Metaspace","prepend_scheme":"last"}"""), "'last'" },
        { "contradicting prefix", root => root["pre_tokenizer"] = JsonNode.Parse("""{"type":"Metaspace","prepend_scheme":"first","add_prefix_space":false}"""), "contradicts" },
        { "no decoder", root => root["decoder"] = null, "no decoder" },
        { "decoder step", root => root["decoder"] = JsonNode.Parse("""{"type":"WordPiece"}"""), "'WordPiece'" },
        { "stripped end", root => root["decoder"]!["decoders"]![3]!["stop"] = 1, "Strip" },
        { "dropout", root => Model(root)["dropout"] = 0.1, "dropout" },
        { "suffix", root => Model(root)["end_of_word_suffix"] = "</w>", "</w>" },
        { "merge of unknown token", root => Merges(root).Add("qz zq"), "'qz'" },
        { "merge into unknown token", root => Merges(root).Add("q z"), "'qz'" },
        { "merge of three", root => Merges(root).Add("a b c"), "two parts" },
        { "byte missing", root => ((JsonObject)Model(root)["vocab"]!).Remove("<0x41>"), "<0x41>" },
        { "id twice", root => Model(root)["vocab"]!["qq"] = 5, "same id 5" },
        { "id negative", root => Model(root)["vocab"]!["qq"] = -1, "has id -1" },
        { "id enormous", root => Model(root)["vocab"]!["qq"] = 2000000000, "2000000000" },
        { "id no integer", root => Model(root)["vocab"]!["qq"] = 1.5, "'qq'" },
        { "added id contradicts", root => Tokens(root)[1]!["id"] = 9, "'<s>' has id 1 in the vocabulary, but 9" },
        { "unknown token unknown", root => Model(root)["unk_token"] = "<none>", "'<none>'" },
        { "characters lost", root => { Model(root)["unk_token"] = null; Model(root)["byte_fallback"] = false; }, "would be lost" },
        { "no model", root => root.Remove("model"), "no 'model'" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void What_is_not_supported_is_refused_by_name(string what, Action<JsonObject> edit, string expected)
    {
        var error = Assert.Throws<ModelFormatException>(() => Load(edit));
        Assert.True(error.Message.Contains(expected, StringComparison.Ordinal), $"{what}: {error.Message}");
    }

    private static JsonObject Model(JsonObject root) => (JsonObject)root["model"]!;

    private static JsonArray Merges(JsonObject root) => (JsonArray)Model(root)["merges"]!;

    private static JsonArray Tokens(JsonObject root) => (JsonArray)root["added_tokens"]!;

    private static Action<JsonObject> Added(int id, string content, params (string Name, bool Value)[] flags) => root =>
    {
        var token = new JsonObject { ["id"] = id, ["content"] = content, ["special"] = true };
        foreach (var (name, value) in flags) token[name] = value;
        Tokens(root).Add((JsonNode)token);
    };

    private static void UseMetaspace(JsonObject root, string scheme, bool split)
    {
        root["normalizer"] = null;
        root["pre_tokenizer"] = new JsonObject { ["type"] = "Metaspace", ["replacement"] = "▁", ["prepend_scheme"] = scheme, ["split"] = split };
    }

    private static string Edit(params Action<JsonObject>[] edits)
    {
        var root = (JsonObject)JsonNode.Parse(File.ReadAllText(Goldens.Require(Golden)))!;
        foreach (var edit in edits) edit(root);
        return root.ToJsonString();
    }

    private static Tokenizer Load(params Action<JsonObject>[] edits)
    {
        using var folder = new TokenizerFolder();
        folder.Write("tokenizer.json", Edit(edits));
        return Tokenizer.Load(folder.Path);
    }
}

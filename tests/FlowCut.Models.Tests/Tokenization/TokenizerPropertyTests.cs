using System.Diagnostics;
using System.Text;
using CsCheck;
using FlowCut.Models.Tokenization;
using FlowCut.Testing;

namespace FlowCut.Models.Tests.Tokenization;

public class TokenizerPropertyTests
{
    private const string Llama = "tokenizers/llama/hf-llava";

    private const string Qwen2 = "tokenizers/qwen2-vl";

    private static readonly string[] _folders = [Llama, "tokenizers/internlm2", "tokenizers/internlm2-dummy-prefix"];

    [Fact]
    public void Decoding_plain_ids_gives_the_text_back()
    {
        foreach (var folder in _folders)
        {
            var tokenizer = Tokenizer.Load(Goldens.Require(folder));
            // a mark in the text reads as the space that it stands for
            TokenizerTexts.Any.Sample(text => tokenizer.Decode(tokenizer.EncodePlain(text), skipSpecial: false) == text.Replace('▁', ' '), iter: 2000);
        }
    }

    [Fact]
    public void Both_files_give_the_same_ids()
    {
        foreach (var golden in new[] { Llama, Qwen2 })
        {
            using var folder = TokenizerFolder.CopyOf(golden, without: "tokenizer.json");
            var (json, other) = (Tokenizer.Load(Goldens.Require(golden)), Tokenizer.Load(folder.Path));
            TokenizerTexts.Any.Sample(text => json.Encode(text).SequenceEqual(other.Encode(text)), iter: 5000);
        }
    }

    [Fact]
    public void Ids_are_those_of_merging_by_definition()
    {
        var tokenizer = Tokenizer.Load(Goldens.Require(Llama));
        var definition = MergingByDefinition.Load(Path.Combine(Goldens.Require(Llama), "tokenizer.json"));
        TokenizerTexts.Any.Sample(text => tokenizer.EncodePlain(text).SequenceEqual(definition.EncodeMarked(text)), iter: 2000);
    }

    [Fact]
    public void Lone_surrogates_count_as_replacement_characters()
    {
        foreach (var golden in new[] { Llama, Qwen2 })
        {
            var tokenizer = Tokenizer.Load(Goldens.Require(golden));
            TokenizerTexts.Broken.Sample(
                text => tokenizer.Encode(text).SequenceEqual(tokenizer.Encode(Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text)))), iter: 2000);
        }
    }

    [Fact]
    public void Streamed_text_is_the_whole_text_and_never_half_a_character()
    {
        using var folder = TokenizerFolder.CopyOf(Llama, without: "tokenizer.json");
        (string Path, DecodingByDefinition Definition)[] tokenizers =
        [
            (Goldens.Require(Llama), new DecodingByDefinition(WholeRuns: true, DropsFirstSpace: true)),
            (folder.Path, new DecodingByDefinition(WholeRuns: false, DropsFirstSpace: true)),
            (Goldens.Require("tokenizers/internlm2"), new DecodingByDefinition(WholeRuns: false, DropsFirstSpace: false)),
        ];
        foreach (var (path, definition) in tokenizers)
        {
            var tokenizer = Tokenizer.Load(path);
            // bytes (ids 3 to 258) are frequent, and some ids belong to no token
            var ids = Gen.Frequency((3, Gen.Int[0, 1030]), (3, Gen.Int[130, 258]), (1, Gen.Int[-2, 2])).Array[0, 40];
            Gen.Select(Gen.OneOf(ids, TokenizerTexts.Any.Select(text => tokenizer.Encode(text))), Gen.Bool).Sample((sequence, skipSpecial) =>
            {
                var detokenizer = tokenizer.CreateDetokenizer(skipSpecial);
                Assert.Equal(definition.Decode(tokenizer, sequence, skipSpecial), tokenizer.Decode(sequence, skipSpecial));
                string[] pieces = [.. sequence.Select(detokenizer.Push)];
                pieces = [.. pieces, detokenizer.Flush()];
                // no piece ends or begins within a surrogate pair
                Assert.All(pieces, piece => Assert.Equal(piece, Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(piece))));
                return string.Concat(pieces) == tokenizer.Decode(sequence, skipSpecial) && detokenizer.Flush() == "";
            }, iter: 3000);
        }
    }

    [Fact]
    public void A_spelled_character_appears_with_its_last_byte_or_at_the_end_of_its_run()
    {
        using var folder = TokenizerFolder.CopyOf(Llama, without: "tokenizer.json");
        var detokenizer = Tokenizer.Load(folder.Path).CreateDetokenizer(skipSpecial: false);
        byte[] smile = [0xF0, 0x9F, 0x98, 0x80];
        Assert.Equal(["", "", "", "😀"], smile.Select(value => detokenizer.Push(3 + value)));
        Assert.Equal(["", "a", ""], new[] { detokenizer.Push(3 + 0xC3), detokenizer.Push(844)[1..], detokenizer.Flush() });
        // a run of bytes is valid or not as a whole with a tokenizer.json
        detokenizer = Tokenizer.Load(Goldens.Require(Llama)).CreateDetokenizer(skipSpecial: false);
        Assert.Equal(["", "", "", ""], smile.Select(value => detokenizer.Push(3 + value)));
        Assert.Equal("😀a", detokenizer.Push(844));
        Assert.Equal("", detokenizer.Push(3 + 0xC3));
        Assert.Equal("\uFFFD", detokenizer.Flush());
        // a new text begins: its first space is the prefix
        Assert.Equal("a", detokenizer.Push(261));
    }

    [Theory]
    [InlineData(Llama, "tokenizer.json")]
    [InlineData(Llama, "tokenizer_config.json")]
    [InlineData("tokenizers/llama", "tokenizer.model")]
    [InlineData("tokenizers/internlm2", "special_tokens_map.json")]
    [InlineData("tokenizers/internlm2", "added_tokens.json")]
    [InlineData(Qwen2, "tokenizer.json")]
    [InlineData(Qwen2, "vocab.json")]
    [InlineData(Qwen2, "merges.txt")]
    public void Damaged_files_are_refused_and_nothing_else_goes_wrong(string golden, string damaged)
    {
        using var folder = TokenizerFolder.CopyOf(golden, without: damaged is "tokenizer.model" or "vocab.json" or "merges.txt" ? "tokenizer.json" : "");
        var original = File.ReadAllBytes(folder.File(damaged));
        var edit = Gen.Select(Gen.Int[0, original.Length - 1], Gen.Byte, Gen.Int[0, 4]);
        var refused = 0;
        edit.Array[1, 3].Sample(edits =>
        {
            folder.Write(damaged, Damage(original, edits));
            try
            {
                var tokenizer = Tokenizer.Load(folder.Path);
                tokenizer.Decode(tokenizer.Encode("Hello <s> 世界"), skipSpecial: false);
            }
            catch (ModelFormatException)
            {
                refused++;
            }
        }, iter: 400, threads: 1);
        Assert.True(refused > 20, $"only {refused} of the damaged files were refused");
    }

    [Fact]
    public void A_megabyte_of_one_character_takes_no_time()
    {
        foreach (var golden in new[] { Llama, Qwen2 })
        {
            var tokenizer = Tokenizer.Load(Goldens.Require(golden));
            // the last two are one run of marks and one of white space in which only the first is a line break
            foreach (var (start, repeated) in new[] { ("", 'a'), ("", '='), ("", ' '), ("", '\u0323'), ("\n", '\t') })
            {
                var text = start + new string(repeated, 1 << 20);
                var watch = Stopwatch.StartNew();
                Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text), skipSpecial: false));
                // about a second on two cores; merging by definition would take days
                Assert.InRange(watch.Elapsed.TotalSeconds, 0, 60);
            }
        }
    }

    private static byte[] Damage(byte[] original, (int Position, byte Value, int Kind)[] edits)
    {
        var bytes = original.ToList();
        foreach (var (position, value, kind) in edits)
        {
            var at = Math.Min(position, bytes.Count - 1);
            if (bytes.Count == 0) break;
            if (kind == 0) bytes.RemoveRange(at, bytes.Count - at);
            else if (kind == 1) bytes.Insert(at, value);
            else if (kind == 2) bytes.RemoveAt(at);
            else bytes[at] = value;
        }

        return [.. bytes];
    }
}

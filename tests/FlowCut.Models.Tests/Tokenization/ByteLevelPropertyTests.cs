using System.Text;
using CsCheck;
using FlowCut.Models.Tokenization;
using FlowCut.Testing;

namespace FlowCut.Models.Tests.Tokenization;

public class ByteLevelPropertyTests
{
    private const string Qwen2 = "tokenizers/qwen2-vl";

    private static readonly Dictionary<char, byte> _bytes = MergingByDefinition.ByteCharacters
        .Select((character, value) => (character, value)).ToDictionary(entry => entry.character, entry => (byte)entry.value);

    [Fact]
    public void The_byte_alphabet_is_that_of_gpt2()
    {
        for (var value = 0; value < 256; value++)
        {
            Assert.Equal(MergingByDefinition.ByteCharacters[value], ByteAlphabet.CharacterOf(value));
            Assert.Equal(value, ByteAlphabet.ByteOf(ByteAlphabet.CharacterOf(value)));
        }

        Assert.Equal(256, Enumerable.Range(0, 0x10000).Count(character => ByteAlphabet.ByteOf((char)character) >= 0));
        Assert.Equal('Ġ', ByteAlphabet.CharacterOf(' '));
    }

    [Fact]
    public void Decoding_plain_ids_gives_the_composed_text_back()
    {
        var tokenizer = Tokenizer.Load(Goldens.Require(Qwen2));
        TokenizerTexts.Any.Sample(text => tokenizer.Decode(tokenizer.EncodePlain(text), skipSpecial: false) == CanonicalComposition.Compose(text), iter: 5000);
    }

    [Fact]
    public void Ids_are_those_of_splitting_and_merging_by_definition()
    {
        var tokenizer = Tokenizer.Load(Goldens.Require(Qwen2));
        var definition = MergingByDefinition.Load(Path.Combine(Goldens.Require(Qwen2), "tokenizer.json"));
        TokenizerTexts.Any.Sample(
            text =>
            {
                var parts = SplittingByDefinition.Split(SplitExpression.Qwen2Pattern, CanonicalComposition.Compose(text));
                return tokenizer.EncodePlain(text).SequenceEqual(parts.SelectMany(definition.EncodeBytes));
            },
            iter: 5000);
    }

    [Fact]
    public void Streamed_text_is_that_of_all_bytes_together_and_never_half_a_character()
    {
        var tokenizer = Tokenizer.Load(Goldens.Require(Qwen2));
        // bytes beyond ASCII (ids 94 to 187 and more) are frequent, some tokens are special, and some ids belong to no token
        var ids = Gen.Frequency((3, Gen.Int[0, 820]), (4, Gen.Int[94, 255]), (1, Gen.Int[798, 815]), (1, Gen.Int[-2, 2])).Array[0, 40];
        Gen.Select(Gen.OneOf(ids, TokenizerTexts.Any.Select(text => tokenizer.Encode(text))), Gen.Bool).Sample((sequence, skipSpecial) =>
        {
            var expected = Encoding.UTF8.GetString([.. sequence.SelectMany(id => BytesOf(tokenizer, id, skipSpecial))]);
            Assert.Equal(expected, tokenizer.Decode(sequence, skipSpecial));
            var detokenizer = tokenizer.CreateDetokenizer(skipSpecial);
            string[] pieces = [.. sequence.Select(detokenizer.Push), detokenizer.Flush()];
            Assert.All(pieces, piece => Assert.Equal(piece, Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(piece))));
            return string.Concat(pieces) == expected && detokenizer.Flush() == "";
        }, iter: 5000);
    }

    [Fact]
    public void A_character_appears_with_its_last_byte_and_what_forms_none_is_replaced_at_once()
    {
        var tokenizer = Tokenizer.Load(Goldens.Require(Qwen2));
        int IdOf(byte value) => tokenizer.IdOf(ByteAlphabet.CharacterOf(value).ToString())!.Value;
        var detokenizer = tokenizer.CreateDetokenizer(skipSpecial: true);
        Assert.Equal(["", "", "", "😀"], new byte[] { 0xF0, 0x9F, 0x98, 0x80 }.Select(value => detokenizer.Push(IdOf(value))));
        // three bytes of four are one replacement, a byte that begins nothing is one too
        Assert.Equal(["", "", "", "\uFFFDa", "\uFFFD", ""], new byte[] { 0xF0, 0x9F, 0x98, (byte)'a', 0x80, 0xC3 }.Select(value => detokenizer.Push(IdOf(value))));
        // a special token that is left out does not end a character; one that is shown does
        Assert.Equal("", detokenizer.Push(802));
        Assert.Equal("é", detokenizer.Push(IdOf(0xA9)));
        Assert.Equal("\uFFFD<|im_end|>\uFFFD", tokenizer.Decode([IdOf(0xC3), 802, IdOf(0xA9)], skipSpecial: false));
        Assert.Equal("", detokenizer.Push(IdOf(0xC3)));
        Assert.Equal("\uFFFD", detokenizer.Flush());
    }

    private static IEnumerable<byte> BytesOf(Tokenizer tokenizer, int id, bool skipSpecial)
    {
        if (tokenizer.TokenOf(id) is not { } text || (skipSpecial && tokenizer.IsSpecial(id))) return [];
        return tokenizer.IsSpecial(id) ? Encoding.UTF8.GetBytes(text) : text.Select(character => _bytes[character]);
    }
}

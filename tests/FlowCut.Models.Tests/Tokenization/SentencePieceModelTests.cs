using System.Text;
using FlowCut.Models.Tokenization;
using FlowCut.Testing;

namespace FlowCut.Models.Tests.Tokenization;

public class SentencePieceModelTests
{
    private const int NormalPiece = 1;
    private const int UserDefinedPiece = 4;

    private static byte[] Golden => File.ReadAllBytes(Goldens.Require("tokenizers/llama/tokenizer.model"));

    [Fact]
    public void A_user_defined_piece_is_taken_whole_and_does_not_merge()
    {
        // '▁th' is 572, 'e' 842; without the piece 'eth' the text would be '▁the', 't', 'he'; 'ethe' is never formed
        var tokenizer = Load([.. Golden, .. PieceField("eth", UserDefinedPiece), .. PieceField("the cat", UserDefinedPiece), .. PieceField("ethe", NormalPiece, 1f)]);
        Assert.Equal([572, 1000, 842], tokenizer.EncodePlain("thethe"));
        Assert.Equal([841, 1000, 1000, 842], tokenizer.EncodePlain("ethethe"));
        Assert.Equal("ethethe", tokenizer.Decode([841, 1000, 1000, 842], skipSpecial: false));
        // spaces are marked before pieces are looked for, so that a piece with a plain space is never found
        Assert.Equal(Load(Golden).EncodePlain("the cat"), tokenizer.EncodePlain("the cat"));
    }

    [Fact]
    public void Extra_spaces_are_removed_if_the_model_says_so()
    {
        var plain = Load(Golden);
        var removing = Load([.. Golden, .. MessageField(3, BooleanField(4, true))]);
        Assert.Equal(plain.EncodePlain("a b c"), removing.EncodePlain("  a   b c  "));
        Assert.Empty(removing.EncodePlain("   "));
        Assert.Equal("a b", removing.Decode(removing.EncodePlain("   a  b "), skipSpecial: false));
    }

    [Fact]
    public void Without_dummy_prefix_no_space_is_added_or_dropped()
    {
        var tokenizer = Load([.. Golden, .. MessageField(3, BooleanField(3, false))]);
        Assert.Equal([844], tokenizer.EncodePlain("a"));
        Assert.Equal(" a", tokenizer.Decode(tokenizer.EncodePlain(" a"), skipSpecial: false));
    }

    [Fact]
    public void Equal_scores_merge_from_left_to_right()
    {
        // 'qz' and 'zq' have one score: of 'qzq' the left pair merges, of 'zqz' too
        var tokenizer = Load([.. Golden, .. PieceField("qz", NormalPiece, 1f), .. PieceField("zq", NormalPiece, 1f)]);
        var (q, z) = (tokenizer.IdOf("q")!.Value, tokenizer.IdOf("z")!.Value);
        var (qz, zq) = (tokenizer.IdOf("qz")!.Value, tokenizer.IdOf("zq")!.Value);
        Assert.Equal([841, qz, q], tokenizer.EncodePlain("qzq"));
        Assert.Equal([841, zq, z], tokenizer.EncodePlain("zqz"));
        Assert.Equal([841, qz, qz, q], tokenizer.EncodePlain("qzqzq"));
    }

    [Fact]
    public void Bad_utf8_in_spelled_bytes_costs_only_the_bad_bytes()
    {
        var tokenizer = Load(Golden);
        // <0xNN> has id 3 + NN
        int[] ids = [.. new byte[] { 0xE4, 0xB8, 0x96, 0xE4, 0xB8, 0x41, 0xC3, 0xA9, 0xF0 }.Select(value => 3 + value)];
        Assert.Equal("世\uFFFD\uFFFDAé\uFFFD", tokenizer.Decode(ids, skipSpecial: false));
    }

    public static TheoryData<string, byte[], string> Refused => new()
    {
        { "Unigram", MessageField(2, VarintField(3, 1)), "Unigram" },
        { "unknown model type", MessageField(2, VarintField(3, 7)), "7 (unknown)" },
        { "character map", MessageField(3, BytesField(2, [1, 2, 3])), "character map" },
        { "denormaliser", MessageField(5, BytesField(2, [1])), "character map" },
        { "suffix", MessageField(2, BooleanField(24, true)), "treat_whitespace_as_suffix" },
        { "unused piece", PieceField("zzz", 5), "piece 1000 'zzz' is marked unused" },
        { "unknown piece type", PieceField("zzz", 9), "type 9" },
        { "second unknown piece", PieceField("zzz", 2), "more than one piece of type unknown" },
        { "piece twice", PieceField("▁the", NormalPiece), "occurs twice" },
        { "empty piece", PieceField("", NormalPiece), "has no text" },
        { "score", PieceField("zzz", NormalPiece, float.NaN), "not a number" },
        { "no byte", PieceField("<0xG0>", 6), "<0xNN>" },
        { "bytes without fallback", MessageField(2, BooleanField(35, false)), "byte_fallback is off" },
        { "not UTF-8", MessageField(1, BytesField(1, [0xFF])), "not UTF-8" },
        { "wire type", [0x0B], "wire type 3" },
        { "field zero", [0x02, 0x00], "number that is not allowed" },
        { "endless number", [0x48, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01], "longer than 64 bits" },
        { "length past the end", [0x0A, 0x7F, 0x00], "needs 127 more bytes" },
        { "wrong wire type", [0x08, 0x01], "wire type 0 instead of 2" },
    };

    [Theory]
    [MemberData(nameof(Refused))]
    public void What_is_not_supported_is_refused_by_name(string what, byte[] appended, string expected)
    {
        var error = Assert.Throws<ModelFormatException>(() => Load([.. Golden, .. appended]));
        Assert.EndsWith("tokenizer.model", error.File, StringComparison.Ordinal);
        Assert.True(error.Message.Contains(expected, StringComparison.Ordinal), $"{what}: {error.Message}");
    }

    [Fact]
    public void Files_that_are_no_model_are_refused()
    {
        Assert.Contains("no pieces", Assert.Throws<ModelFormatException>(() => Load([])).Message, StringComparison.Ordinal);
        Assert.Throws<ModelFormatException>(() => Load("this is a text file, not a model"u8.ToArray()));
        Assert.Contains("truncated", Assert.Throws<ModelFormatException>(() => Load(Golden[..9000])).Message, StringComparison.Ordinal);
    }

    private static Tokenizer Load(byte[] model)
    {
        using var folder = new TokenizerFolder();
        folder.Write("tokenizer.model", model);
        return Tokenizer.Load(folder.Path);
    }

    private static byte[] PieceField(string text, int type, float score = -1000f) =>
        MessageField(1, [.. BytesField(1, Encoding.UTF8.GetBytes(text)), (2 << 3) | 5, .. BitConverter.GetBytes(score), .. VarintField(3, (byte)type)]);

    private static byte[] MessageField(int field, byte[] message) => BytesField(field, message);

    private static byte[] BytesField(int field, byte[] bytes) => [.. Tag(field, 2), (byte)bytes.Length, .. bytes];

    private static byte[] BooleanField(int field, bool value) => VarintField(field, value ? (byte)1 : (byte)0);

    private static byte[] VarintField(int field, byte value) => [.. Tag(field, 0), value];

    private static byte[] Tag(int field, int wireType)
    {
        var tag = (field << 3) | wireType;
        return tag < 0x80 ? [(byte)tag] : [(byte)(0x80 | (tag & 0x7F)), (byte)(tag >> 7)];
    }
}

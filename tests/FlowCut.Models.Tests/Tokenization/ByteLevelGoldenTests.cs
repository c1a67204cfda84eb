using FlowCut.Models.Tokenization;
using FlowCut.Testing;

namespace FlowCut.Models.Tests.Tokenization;

public class ByteLevelGoldenTests
{
    private const string Qwen2Vl = "tokenizers/qwen2-vl";
    private const string InternVl2 = "tokenizers/internvl2-qwen2";

    // the folder, a file of it that is left out, and the cases; the last three are folders of models
    [Theory]
    [InlineData(Qwen2Vl, "", Qwen2Vl, 399)]
    [InlineData(Qwen2Vl, "tokenizer.json", Qwen2Vl, 399)]
    [InlineData(InternVl2, "", InternVl2, 399)]
    [InlineData(InternVl2, "tokenizer.json", InternVl2, 399)]
    [InlineData("qwen2-vl-tiny", "", Qwen2Vl, 399)]
    [InlineData("internvl2-tiny-qwen2", "", InternVl2, 399)]
    [InlineData("llava-siglip-tiny", "", InternVl2, 399)]
    public void Cases_are_identical(string folder, string without, string cases, int count)
    {
        using var copy = TokenizerFolder.CopyOf(folder, without, "model.safetensors");
        var tokenizer = Tokenizer.Load(copy.Path);
        foreach (var item in TokenizerCases.Read($"{cases}/tokenizer-cases.jsonl"))
        {
            var ids = item.Ids("ids");
            Assert.Equal(ids, tokenizer.Encode(item.Text("text")));
            foreach (var (skipSpecial, expected) in new[] { (false, item.Text("decoded")), (true, item.Text("decoded_skip_special")) })
            {
                Assert.Equal(expected, tokenizer.Decode(ids, skipSpecial));
                Assert.Equal(expected, tokenizer.Stream(ids, skipSpecial));
            }

            count--;
        }

        Assert.Equal(0, count);
    }

    [Theory]
    [InlineData(Qwen2Vl, "", 813)]
    [InlineData(Qwen2Vl, "tokenizer.json", 813)]
    [InlineData(InternVl2, "", 811)]
    [InlineData(InternVl2, "tokenizer.json", 811)]
    [InlineData("llava-siglip-tiny", "", 812)]
    public void Special_tokens_have_their_roles(string folder, string without, int maxId)
    {
        using var copy = TokenizerFolder.CopyOf(folder, without, "model.safetensors");
        var tokenizer = Tokenizer.Load(copy.Path);
        Assert.Equal((null, 802, null, 800), (tokenizer.BosId, tokenizer.EosId, tokenizer.UnknownId, tokenizer.PadId));
        Assert.False(tokenizer.AddsBos);
        Assert.Equal((maxId, maxId + 1), (tokenizer.MaxId, tokenizer.VocabularySize));
        Assert.Equal("Ġthe", tokenizer.TokenOf(tokenizer.IdOf("Ġthe")!.Value));
        Assert.True(tokenizer.IsSpecial(801));
        Assert.DoesNotContain(801, tokenizer.EncodePlain("<|im_start|>"));
    }

    [Fact]
    public void A_token_that_a_model_needs_is_found_or_named()
    {
        var tokenizer = Tokenizer.Load(Goldens.Require(Qwen2Vl));
        Assert.Equal(812, tokenizer.RequireId("<|image_pad|>"));
        var error = Assert.Throws<ModelFormatException>(() => tokenizer.RequireId("<IMG_CONTEXT>"));
        Assert.Equal(Path.Combine(Goldens.Require(Qwen2Vl), "tokenizer.json"), error.File);
        Assert.Contains("no token '<IMG_CONTEXT>'", error.Message, StringComparison.Ordinal);
    }
}

using FlowCut.Models.Tokenization;
using FlowCut.Testing;

namespace FlowCut.Models.Tests.Tokenization;

public class TokenizerGoldenTests
{
    private const string Llama = "tokenizers/llama/hf-llava";
    private const string LlamaCases = "tokenizers/llama/tokenizer-cases.jsonl";

    [Fact]
    public void Llama_cases_are_identical_with_tokenizer_json()
    {
        CheckLlama(Tokenizer.Load(Goldens.Require(Llama)));
    }

    [Fact]
    public void Llama_cases_are_identical_with_tokenizer_model()
    {
        using var folder = TokenizerFolder.CopyOf(Llama, without: "tokenizer.json");
        CheckLlama(Tokenizer.Load(folder.Path));
    }

    [Theory]
    [InlineData("tokenizer_config.json")]
    [InlineData("added_tokens.json")]
    public void One_file_with_the_added_tokens_is_enough(string only)
    {
        using var folder = new TokenizerFolder();
        File.Copy(Path.Combine(Goldens.Require(Llama), "tokenizer.model"), folder.File("tokenizer.model"));
        File.Copy(Path.Combine(Goldens.Require(Llama), only), folder.File(only));
        var tokenizer = Tokenizer.Load(folder.Path);
        foreach (var item in TokenizerCases.Read(LlamaCases)) Assert.Equal(item.Ids("hf_fast"), tokenizer.Encode(item.Text("text")));
        Assert.Equal(1001, tokenizer.MaxId);
        Assert.True(tokenizer.AddsBos);
    }

    [Theory]
    [InlineData("tokenizers/internlm2", "tokenizers/internlm2")]
    [InlineData("tokenizers/internlm2-dummy-prefix", "tokenizers/internlm2-dummy-prefix")]
    [InlineData("internvl2-tiny-internlm2", "tokenizers/internlm2")]
    public void Internlm2_cases_are_identical(string golden, string cases)
    {
        var tokenizer = Tokenizer.Load(Goldens.Require(golden));
        Assert.Equal((1, 2, 714), (tokenizer.BosId, tokenizer.EosId, tokenizer.MaxId));
        Assert.True(tokenizer.AddsBos);
        var cleanedUp = 0;
        foreach (var item in TokenizerCases.Read($"{cases}/tokenizer-cases.jsonl"))
        {
            var ids = item.Ids("ids");
            Assert.Equal(ids, tokenizer.Encode(item.Text("text")).Prepend(tokenizer.BosId!.Value));
            var decoded = tokenizer.Decode(ids, skipSpecial: true);
            Assert.Equal(decoded, tokenizer.Stream(ids, skipSpecial: true));
            var expected = item.Text("decoded_skip_special");
            if (decoded == expected) continue;
            cleanedUp++;
            Assert.Equal(expected, CleanUp(decoded));
        }

        // 10 texts without special tokens and 2 with; sentencepiece itself decodes all 12 as we do
        Assert.Equal(12, cleanedUp);
    }

    /// <summary>The habit of the reference's decoder to remove spaces in English text, which ours does not have.</summary>
    private static string CleanUp(string text) => text
        .Replace(" .", ".").Replace(" ?", "?").Replace(" !", "!").Replace(" ,", ",").Replace(" ' ", "'")
        .Replace(" n't", "n't").Replace(" 'm", "'m").Replace(" 's", "'s").Replace(" 've", "'ve").Replace(" 're", "'re");

    private static void CheckLlama(Tokenizer tokenizer)
    {
        Assert.Equal((1, 2, 0, 1001), (tokenizer.BosId, tokenizer.EosId, tokenizer.UnknownId, tokenizer.PadId));
        Assert.Equal((1001, 1002), (tokenizer.MaxId, tokenizer.VocabularySize));
        Assert.Equal(1000, tokenizer.IdOf("<image>"));
        Assert.Equal("<image>", tokenizer.TokenOf(1000));
        Assert.True(tokenizer.AddsBos);
        var cases = 0;
        foreach (var item in TokenizerCases.Read(LlamaCases))
        {
            var text = item.Text("text");
            Assert.Equal(item.Ids("hf_fast"), tokenizer.Encode(text));
            Assert.Equal(item.Ids("sp"), tokenizer.EncodePlain(text));
            Assert.Equal(item.Text("hf_fast_decoded"), tokenizer.Decode(item.Ids("hf_fast"), skipSpecial: false));
            Assert.Equal(item.Text("hf_fast_decoded"), tokenizer.Stream(item.Ids("hf_fast"), skipSpecial: false));
            Assert.Equal(item.Text("hf_fast_decoded_skip_special"), tokenizer.Decode(item.Ids("hf_fast"), skipSpecial: true));
            Assert.Equal(item.Text("sp_decoded"), tokenizer.Decode(item.Ids("sp"), skipSpecial: false));
            cases++;
        }

        Assert.Equal(500, cases);
    }
}

using CsCheck;
using FlowCut.Models.Tokenization;

namespace FlowCut.Models.Tests.Tokenization;

public class SplitExpressionTests
{
    [Theory]
    [InlineData(SplitExpression.Qwen2Pattern)]
    [InlineData(SplitExpression.Llama3Pattern)]
    [InlineData(SplitExpression.Gpt2Pattern)]
    public void Parts_are_the_matches_of_the_pattern(string pattern)
    {
        var expression = SplitExpression.Find(pattern)!;
        // the stand-in for a long s would be a contraction where the case counts
        var texts = pattern == SplitExpression.Gpt2Pattern ? TokenizerTexts.Any.Select(text => text.Replace('ſ', 's')) : TokenizerTexts.Any;
        texts.Sample(text => Split(expression, text).SequenceEqual(SplittingByDefinition.Split(pattern, text)), iter: 10000);
    }

    [Theory]
    [InlineData("I'Ve 12345 it's,\r\n\n  here's  𝒜b 😀c x=1;\n", "I|'Ve| |1|2|3|4|5| it|'s|,\r\n\n| | here|'s| | 𝒜b| 😀|c| x|=|1|;\n")]
    [InlineData(" \n \n x\ty\u3000z  ", " \n \n| x|\ty|\u3000z|  ")]
    [InlineData("'ſo 'tis", "'ſ|o| '|tis")]
    public void Qwen2_takes_single_digits_and_line_breaks_with_symbols(string text, string parts)
    {
        Assert.Equal(parts.Split('|'), Split(SplitExpression.Qwen2, text));
    }

    [Fact]
    public void Llama3_takes_three_digits()
    {
        Assert.Equal(["a", "123", "45", " ", "𝟘1２"], Split(SplitExpression.Find(SplitExpression.Llama3Pattern)!, "a12345 𝟘1２"));
    }

    [Fact]
    public void Gpt2_minds_the_case_and_takes_a_space_with_digits()
    {
        Assert.Equal(["It", "'", "S", " it", "'s", " 12345", " ", " ?!", "\n", "\n", "a", "'", "ſ"], Split(SplitExpression.Gpt2, "It'S it's 12345  ?!\n\na'ſ"));
    }

    [Fact]
    public void Another_expression_is_not_known()
    {
        Assert.Null(SplitExpression.Find(@"\s+"));
    }

    private static List<string> Split(SplitExpression expression, string text)
    {
        var parts = new List<string>();
        for (var rest = text; rest.Length > 0; rest = rest[parts[^1].Length..]) parts.Add(rest[..expression.PartLength(rest)]);
        return parts;
    }
}

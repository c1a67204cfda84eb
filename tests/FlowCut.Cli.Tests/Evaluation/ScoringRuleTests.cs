using FlowCut.Cli.Evaluation;

namespace FlowCut.Cli.Tests.Evaluation;

/// <summary>Normalisation and scores, on values worked out by hand.</summary>
public class ScoringRuleTests
{
    [Theory]
    [InlineData("The Cat.", "cat")]
    [InlineData("Two dogs, and an apple!", "2 dogs and apple")]
    [InlineData("dont", "don't")]
    [InlineData("it’s red", "it's red")]
    [InlineData("its", "its")]
    [InlineData("100,978", "100978")]
    [InlineData("red,blue", "red blue")]
    [InlineData("3.5", "3.5")]
    [InlineData("U.S.A.", "usa")]
    [InlineData("2:50 p.m.", "2:50 pm")]
    [InlineData("girl's", "girl's")]
    [InlineData(" black/white \n", "black white")]
    [InlineData("theater", "theater")]
    [InlineData("$5", "5")]
    [InlineData("...", "")]
    public void Answers_are_made_comparable(string answer, string normal) => Assert.Equal(normal, AnswerNormalisation.Of(answer));

    [Theory]
    [InlineData("A cat.", 1)]
    [InlineData("tabby", 1)]
    [InlineData("cat on a mat", 0)]
    public void Any_of_the_answers_is_right(string answer, double score) => Assert.Equal(score, ScoringRule.Exact.Score(answer, ["the cat", "Tabby"]));

    /// <summary>Of m matches, m sets of nine have one less: (m·min(1, (m−1)/3) + (10−m)·min(1, m/3))/10.</summary>
    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 0.3)]
    [InlineData(2, 0.6)]
    [InlineData(3, 0.9)]
    [InlineData(4, 1)]
    [InlineData(10, 1)]
    public void Ten_answers_are_left_out_one_by_one(int matches, double score)
    {
        string[] answers = [.. Enumerable.Repeat("Two", matches), .. Enumerable.Repeat("three", 10 - matches)];
        Assert.Equal(score, ScoringRule.TenAnswers.Score("2", answers), 12);
    }

    [Theory]
    [InlineData("Yes", true)]
    [InlineData("No", false)]
    [InlineData("There is, but no dog.", false)]
    [InlineData("It is not there", false)]
    [InlineData("Yes. There is no dog besides.", true)]
    [InlineData("Nothing", true)]
    public void The_first_sentence_says_yes_or_no(string answer, bool yes)
    {
        Assert.Equal(yes, ScoringRule.IsYes(answer));
        Assert.Equal(yes ? 1 : 0, ScoringRule.YesNo.Score(answer, ["yes"]));
        Assert.Equal(yes ? 0 : 1, ScoringRule.YesNo.Score(answer, ["no"]));
    }

    [Theory]
    [InlineData(5, 0.2366, 0.7634)]
    [InlineData(0, 0, 0.2775)]
    [InlineData(10, 0.7225, 1)]
    public void Right_and_wrong_have_Wilsons_interval(int right, double low, double high)
    {
        var interval = ScoringRule.Exact.Interval([.. Enumerable.Range(0, 10).Select(i => i < right ? 1.0 : 0)]);
        Assert.Equal(low, interval.Low, 4);
        Assert.Equal(high, interval.High, 4);
    }

    [Fact]
    public void Graded_scores_have_the_normal_interval()
    {
        // variance 0.15, standard error √(0.15/4)
        var (low, high) = ScoringRule.TenAnswers.Interval([0, 0.3, 0.6, 0.9]);
        Assert.Equal(0.0705, low, 4);
        Assert.Equal(0.8295, high, 4);
    }

    [Fact]
    public void Yes_is_the_positive_answer()
    {
        var figures = YesNoFigures.Of([(true, true), (true, true), (true, true), (true, false), (false, true), (false, true), (false, false), (false, false)]);
        Assert.Equal(3 / 5.0, figures.Precision, 12);
        Assert.Equal(3 / 4.0, figures.Recall, 12);
        Assert.Equal(2 / 3.0, figures.F1, 12);
        Assert.Equal(5 / 8.0, figures.YesRatio, 12);
        Assert.Equal(new YesNoFigures(0, 0, 0, 0), YesNoFigures.Of([(true, false)]));
    }

    [Fact]
    public void The_median_of_an_even_number_lies_between()
    {
        Assert.Equal(2, EvaluationRow.Median([9, 1, 2]));
        Assert.Equal(1.5, EvaluationRow.Median([9, 1, 2, 0]));
    }
}

namespace FlowCut.Cli.Evaluation;

/// <summary>How an answer is scored, from 0 to 1, and how far the mean of such scores can be trusted.</summary>
internal abstract class ScoringRule
{
    /// <summary>People who answered each question of VQAv2 and TextVQA.</summary>
    public const int Annotators = 10;

    /// <summary>Of the normal distribution, 95 % on both sides.</summary>
    private const double Z = 1.959963984540054;

    /// <summary>1 for one of the answers, all of them normalised.</summary>
    public static ScoringRule Exact { get; } = new ExactRule();

    /// <summary>VQA accuracy (Antol et al., ICCV 2015): the mean of min(1, matches/3) over the sets of nine that the ten answers have.</summary>
    public static ScoringRule TenAnswers { get; } = new TenAnswersRule();

    /// <summary>POPE (Li et al., EMNLP 2023): an answer is no if its first sentence has the word no or not, else yes.</summary>
    public static ScoringRule YesNo { get; } = new YesNoRule();

    public abstract double Score(string answer, IReadOnlyList<string> right);

    /// <summary>95 % confidence interval of the mean: Wilson's for right and wrong.</summary>
    public virtual (double Low, double High) Interval(IReadOnlyList<double> scores)
    {
        double n = scores.Count, p = scores.Average(), z2 = Z * Z;
        var middle = (p + z2 / (2 * n)) / (1 + z2 / n);
        var half = Z * Math.Sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n);
        return (Math.Max(0, middle - half), Math.Min(1, middle + half));
    }

    /// <summary>yes or no, as <see cref="YesNo"/> reads an answer.</summary>
    public static bool IsYes(string answer)
    {
        var end = answer.IndexOf('.', StringComparison.Ordinal);
        var words = AnswerNormalisation.WordsOf(end < 0 ? answer : answer[..end]);
        return !words.Any(word => word is "no" or "not");
    }

    private sealed class ExactRule : ScoringRule
    {
        public override double Score(string answer, IReadOnlyList<string> right)
        {
            var normal = AnswerNormalisation.Of(answer);
            return right.Any(r => AnswerNormalisation.Of(r) == normal) ? 1 : 0;
        }
    }

    private sealed class YesNoRule : ScoringRule
    {
        public override double Score(string answer, IReadOnlyList<string> right) => IsYes(answer) == (right[0] == "yes") ? 1 : 0;
    }

    private sealed class TenAnswersRule : ScoringRule
    {
        public override double Score(string answer, IReadOnlyList<string> right)
        {
            var normal = AnswerNormalisation.Of(answer);
            var matches = right.Select(r => AnswerNormalisation.Of(r) == normal).ToList();
            var all = matches.Count(m => m);
            return matches.Average(left => Math.Min(1, (all - (left ? 1 : 0)) / 3.0));
        }

        /// <summary>Scores have values between 0 and 1 too: the normal distribution's.</summary>
        public override (double Low, double High) Interval(IReadOnlyList<double> scores)
        {
            if (scores.Count < 2) return (0, 1);
            var mean = scores.Average();
            var half = Z * Math.Sqrt(scores.Sum(s => (s - mean) * (s - mean)) / (scores.Count - 1) / scores.Count);
            return (Math.Max(0, mean - half), Math.Min(1, mean + half));
        }
    }
}

namespace FlowCut.Cli.Evaluation;

/// <summary>What a contender came to over all questions; without figures where it was refused.</summary>
internal sealed class EvaluationRow
{
    private EvaluationRow(Contender contender) => Contender = contender;

    public Contender Contender { get; }

    public int Questions { get; private init; }

    /// <summary>Mean over the answers of what a layer of the language model sees.</summary>
    public double? VisualTokens { get; private init; }

    /// <summary>Mean score, 0 to 1.</summary>
    public double? Accuracy { get; private init; }

    /// <summary>95 % confidence interval of <see cref="Accuracy"/>.</summary>
    public (double Low, double High)? Interval { get; private init; }

    /// <summary>Mean scores of each kind of question.</summary>
    public IReadOnlyDictionary<string, double> Kinds { get; private init; } = new Dictionary<string, double>();

    /// <summary>Where answers are yes or no.</summary>
    public YesNoFigures? YesNo { get; private init; }

    /// <summary>Median.</summary>
    public double? VisionMs { get; private init; }

    /// <summary>Median.</summary>
    public double? PrefillMs { get; private init; }

    /// <summary>Median; null where nothing is pruned or the device does not tell.</summary>
    public double? SelectionMs { get; private init; }

    /// <summary>Mean.</summary>
    public double? CacheBytes { get; private init; }

    public static EvaluationRow Of(Contender contender, IReadOnlyList<Question> questions, AnswerLog log, ScoringRule rule)
    {
        if (contender.Refusal is not null) return new EvaluationRow(contender);
        var answers = questions.Select(q => log.Find(contender, q) ?? throw new InvalidOperationException($"Question '{q.Id}' was not asked.")).ToList();
        var scores = questions.Zip(answers, (q, a) => rule.Score(a.Text, q.Answers)).ToList();
        return new EvaluationRow(contender)
        {
            Questions = questions.Count,
            VisualTokens = answers.Average(a => a.VisualTokens),
            Accuracy = scores.Average(),
            Interval = rule.Interval(scores),
            Kinds = questions.Zip(scores).Where(p => p.First.Kind is not null).GroupBy(p => p.First.Kind!).ToDictionary(g => g.Key, g => g.Average(p => p.Second), StringComparer.Ordinal),
            YesNo = rule == ScoringRule.YesNo ? YesNoFigures.Of(questions.Zip(answers, (q, a) => (q.Answers[0] == "yes", ScoringRule.IsYes(a.Text)))) : null,
            VisionMs = Median(answers.Select(a => a.VisionMs)),
            PrefillMs = Median(answers.Select(a => a.PrefillMs)),
            SelectionMs = answers.All(a => a.SelectionMs is not null) ? Median(answers.Select(a => a.SelectionMs!.Value)) : null,
            CacheBytes = answers.Average(a => (double)a.CacheBytes),
        };
    }

    /// <summary>Of an even number the mean of the middle two.</summary>
    internal static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        return (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
    }
}

/// <summary>POPE's figures; yes is the positive answer.</summary>
/// <param name="Precision">Of the answers yes, those that are right; 0 where none is yes.</param>
/// <param name="Recall">Of the questions whose answer is yes, those answered so; 0 where there is none.</param>
/// <param name="F1">Harmonic mean of the two; 0 where both are.</param>
/// <param name="YesRatio">Answers yes among all.</param>
internal sealed record YesNoFigures(double Precision, double Recall, double F1, double YesRatio)
{
    public static YesNoFigures Of(IEnumerable<(bool Right, bool Said)> answers)
    {
        int all = 0, yes = 0, said = 0, both = 0;
        foreach (var (right, answer) in answers)
        {
            all++;
            if (right) yes++;
            if (answer) said++;
            if (right && answer) both++;
        }

        return new YesNoFigures(Share(both, said), Share(both, yes), Share(2 * both, said + yes), Share(said, all));
    }

    private static double Share(int part, int whole) => whole == 0 ? 0 : (double)part / whole;
}

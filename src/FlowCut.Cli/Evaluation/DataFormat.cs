using FlowCut.Models;

namespace FlowCut.Cli.Evaluation;

/// <summary>Where questions come from.</summary>
/// <param name="File">Of the questions.</param>
/// <param name="Annotations">Of the answers, where they have a file of their own.</param>
/// <param name="Images">The folder that pictures are named from.</param>
internal sealed record DataFiles(string File, string? Annotations, string Images);

/// <summary>A format of questions, and by what rule its answers are scored.</summary>
internal sealed class DataFormat
{
    private readonly Func<DataFiles, IEnumerable<Question>> _read;

    private DataFormat(string name, ScoringRule rule, Func<DataFiles, IEnumerable<Question>> read) => (Name, Rule, _read) = (name, rule, read);

    /// <summary>As --format names it.</summary>
    public string Name { get; }

    public ScoringRule Rule { get; }

    public static IReadOnlyList<DataFormat> All { get; } =
    [
        new("jsonl", ScoringRule.Exact, DataReaders.JsonLines),
        new("pope", ScoringRule.YesNo, DataReaders.Pope),
        new("vqa", ScoringRule.TenAnswers, DataReaders.Vqa),
        new("textvqa", ScoringRule.TenAnswers, DataReaders.TextVqa),
        new("gqa", ScoringRule.Exact, DataReaders.Gqa),
    ];

    /// <exception cref="InputException">There is no such format; the message lists them.</exception>
    public static DataFormat Find(string name) => All.FirstOrDefault(f => f.Name == name)
        ?? throw new InputException($"--format takes {string.Join(", ", All.Select(f => f.Name))}, not '{name}'");

    /// <summary>Reads the questions and checks all that can be checked without a model.</summary>
    /// <param name="files">What to read.</param>
    /// <param name="limit">Only so many; null: all.</param>
    /// <exception cref="InputException">A file is missing or not of this format, there are no questions, two have one id, or a picture is missing.</exception>
    public IReadOnlyList<Question> Read(DataFiles files, int? limit)
    {
        if (Name == "vqa" && files.Annotations is null) throw new InputException("--format vqa needs --annotations FILE, which has the answers");
        if (Name != "vqa" && files.Annotations is not null) throw new InputException($"--annotations is for --format vqa; in {Name} answers stand with their questions");
        var questions = _read(files).Take(limit ?? int.MaxValue).ToList();
        if (questions.Count == 0) throw new InputException($"{files.File}: there are no questions in it");
        var ids = new HashSet<string>(StringComparer.Ordinal);
        foreach (var question in questions)
        {
            if (!ids.Add(question.Id)) throw new InputException($"{files.File}: two questions have the id '{question.Id}'");
            if (question.Answers.Count == 0) throw new InputException($"{files.File}: question '{question.Id}' has no answers to score by");
            if (Rule == ScoringRule.TenAnswers && question.Answers.Count != ScoringRule.Annotators)
                throw new InputException($"{files.File}: question '{question.Id}' has {question.Answers.Count} answers; VQA accuracy is defined for {ScoringRule.Annotators}");
            if (!File.Exists(question.Picture)) throw new InputException($"{files.File}: the picture of question '{question.Id}' is missing: {question.Picture}");
        }

        return questions;
    }
}

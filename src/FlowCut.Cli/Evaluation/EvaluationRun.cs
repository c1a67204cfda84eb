using System.Diagnostics;
using System.Globalization;
using FlowCut.Models;
using FlowCut.Models.Backends.Cpu;
using FlowCut.Models.Families;
using FlowCut.Models.Generation;
using FlowCut.Models.Imaging;
using FlowCut.Models.Pruning;

namespace FlowCut.Cli.Evaluation;

/// <summary>
/// Asks every contender every question that is not answered yet, greedily. Picture by picture, so that each is read and prepared
/// once, and once encoded for all questions about it where a method does not look at the question.
/// </summary>
/// <param name="model">Not owned.</param>
/// <param name="pictures">How they are prepared.</param>
/// <param name="instruction">Stands on a line of its own behind each question; empty: none.</param>
/// <param name="maxTokens">Of an answer.</param>
internal sealed class EvaluationRun(VisionLanguageModel model, PictureOptions pictures, string instruction, int maxTokens)
{
    /// <summary>Where work is done when a call returns, so that what a method costs can be told from what the model costs.</summary>
    private readonly SelectionClock? _selection = model.Backend is CpuBackend ? new SelectionClock() : null;

    /// <exception cref="InputException">A picture cannot be used, or a question not be asked even without pruning.</exception>
    public void Run(IReadOnlyList<Question> questions, IReadOnlyList<Contender> contenders, AnswerLog log, ProgressDisplay progress, CancellationToken cancellation)
    {
        using var bar = progress.Start("answering");
        var clock = Stopwatch.StartNew();
        var left = contenders.ToDictionary(c => c, c => Open(questions, c, log).Count);
        var done = 0;
        foreach (var group in questions.GroupBy(q => q.Picture))
        {
            PreprocessedPicture? prepared = null;
            foreach (var contender in contenders)
            {
                var open = Open(group, contender, log);
                if (open.Count == 0) continue;
                prepared ??= model.Prepare(Pictures.Load(group.Key), pictures);
                void Answered(RecordedAnswer answer)
                {
                    log.Add(answer);
                    left[contender]--;
                    done++;
                    Report(bar, clock.Elapsed, done, left.Where(l => l.Key.Refusal is null).Sum(l => l.Value));
                }

                contender.Try(() => Ask(contender, prepared, open, Answered, cancellation));
            }
        }
    }

    /// <summary>Questions that a contender can be asked and was not.</summary>
    public static List<Question> Open(IEnumerable<Question> questions, Contender contender, AnswerLog log) =>
        contender.Refusal is not null ? [] : [.. questions.Where(q => log.Find(contender, q) is null)];

    private static void Report(ProgressDisplay.Bar bar, TimeSpan elapsed, int done, int left)
    {
        var rest = elapsed / done * left;
        bar.Report(string.Create(CultureInfo.InvariantCulture, $"{left} answers left, about {(int)rest.TotalHours}:{rest:mm\\:ss} h"), (double)done / (done + left));
    }

    private void Ask(Contender contender, PreprocessedPicture picture, List<Question> questions, Action<RecordedAnswer> answered, CancellationToken cancellation)
    {
        EncodedPicture? encoded = null;
        double vision = 0, selection = 0;
        var method = contender.Strategy is { } chosen && _selection is not null ? _selection.Watch(chosen) : contender.Strategy;
        try
        {
            foreach (var question in questions)
            {
                var prompt = instruction.Length == 0 ? question.Text : $"{question.Text}\n{instruction}";
                _selection?.Restart();
                var strategy = method?.About(question.Text);
                if (encoded is null || !ReferenceEquals(strategy, method))
                {
                    encoded?.Dispose();
                    encoded = null;
                    var clock = Stopwatch.StartNew();
                    encoded = model.Encode([picture], strategy, null, cancellation)[0];
                    model.Backend.Wait();
                    vision = Milliseconds(clock.Elapsed);
                    selection = Milliseconds(_selection?.Elapsed ?? default);
                }

                var answer = Answer(contender, strategy, question.Id, prompt, encoded, cancellation);
                answered(answer with { VisionMs = vision, SelectionMs = answer.SelectionMs + selection });
            }
        }
        finally
        {
            encoded?.Dispose();
        }
    }

    private RecordedAnswer Answer(
        Contender contender, IPruningStrategy? strategy, string question, string prompt, EncodedPicture picture, CancellationToken cancellation)
    {
        var tokens = model.Tokenize([new ChatTurn(prompt)], 1, new GenerationOptions());
        _selection?.Restart();
        var clock = Stopwatch.StartNew();
        using var session = model.Prefill(tokens, [picture], maxTokens, strategy, null, cancellation);
        model.Backend.Wait();
        var prefill = Milliseconds(clock.Elapsed);
        double? selection = strategy is null || _selection is null ? null : Milliseconds(_selection.Elapsed);
        clock.Restart();
        var text = Decode(session, cancellation);
        return new RecordedAnswer(
            contender.Method, contender.Keep, question, text, TokensOf(picture), 0, prefill, selection, Milliseconds(clock.Elapsed), session.CacheBytes);
    }

    /// <summary>To the microsecond, as it is written down.</summary>
    private static double Milliseconds(TimeSpan time) => Math.Round(time.TotalMilliseconds, 3);

    private string Decode(DecodingSession session, CancellationToken cancellation)
    {
        var ids = new List<int>();
        // rows that pad the vocabulary have no text
        var vocabulary = Math.Min(model.Tokenizer.VocabularySize, model.Description.Language.VocabularySize);
        while (true)
        {
            var id = session.ArgMax(vocabulary);
            if (model.EndTokens.Contains(id)) break;
            ids.Add(id);
            if (ids.Count == maxTokens || !session.HasRoom) break;
            session.Append(id, cancellation);
        }

        return model.Tokenizer.Decode([.. ids], skipSpecial: true).Trim();
    }

    /// <summary>Visual tokens of a layer of the language model, on average: what budgets are compared by, wherever a method drops them.</summary>
    private double TokensOf(EncodedPicture picture)
    {
        var layers = model.Description.Language.Layers;
        double sum = 0;
        var (alive, first) = (picture.Tokens.Rows, 0);
        foreach (var drop in picture.Language)
        {
            // rows are dropped from the layer's output
            sum += (double)alive * (drop.Layer + 1 - first);
            (alive, first) = (drop.Kept.Length + drop.Merged, drop.Layer + 1);
        }

        return (sum + (double)alive * (layers - first)) / layers;
    }
}

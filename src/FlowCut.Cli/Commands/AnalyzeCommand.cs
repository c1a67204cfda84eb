using System.CommandLine;
using FlowCut.Cli.Analysis;
using FlowCut.Models;
using FlowCut.Models.Families;
using FlowCut.Models.Generation;
using FlowCut.Models.Imaging;
using FlowCut.Models.Pruning;
using FlowCut.Models.Tracing;

namespace FlowCut.Cli.Commands;

/// <summary>flowcut analyze: what each layer saw and kept, as a page and pictures.</summary>
internal sealed class AnalyzeCommand
{
    private readonly ModelArguments _model = new();
    private readonly Option<string> _image = new("--image") { Description = "The picture.", HelpName = "FILE", Required = true };
    private readonly Option<string?> _prompt = new("--prompt") { Description = "A question; its answers appear on the page.", HelpName = "TEXT" };
    private readonly Option<string?> _keep = new("--keep") { Description = "Budgets, joined by commas; by default a quarter of the visual tokens.", HelpName = "N,N,..." };
    private readonly Option<string[]> _method = new("--method") { Description = MethodVariant.HelpText, HelpName = "A,B,...", DefaultValueFactory = _ => ["flowcut"] };
    private readonly Option<int> _maxTokens = new("--max-tokens") { Description = "Tokens of an answer at most.", HelpName = "N", DefaultValueFactory = _ => 64 };
    private readonly Option<string> _out = new("--out") { Description = "Folder to write to; made where it does not exist.", HelpName = "DIR", Required = true };

    public static Command Create()
    {
        var arguments = new AnalyzeCommand();
        var command = new Command("analyze", "Write a page that shows what each layer saw and which patches were kept.");
        arguments._model.AddTo(command);
        command.Add(arguments._image);
        command.Add(arguments._prompt);
        command.Add(arguments._keep);
        command.Add(arguments._method);
        command.Add(arguments._maxTokens);
        command.Add(arguments._out);
        command.SetAction((parsed, cancellation) => arguments.Run(parsed, cancellation));
        return command;
    }

    private async Task<int> Run(ParseResult parsed, CancellationToken cancellation)
    {
        var folder = parsed.GetValue(_out)!;
        OutputFile.CheckFolder(folder, AnalysisPage.FileName);
        var picture = Pictures.Load(parsed.GetValue(_image)!);
        var progress = new ProgressDisplay(quiet: false);
        using var model = _model.Load(parsed, progress);
        var runs = new List<AnalysisRun>();
        foreach (var (title, strategy) in Strategies(parsed, model.BudgetTokens(picture, _model.Pictures(parsed))))
            runs.AddRange(await Analyze(model, picture, title, strategy, parsed, progress, cancellation));

        var name = Path.GetFileName(parsed.GetValue(_image)!);
        OutputFile.Write(folder, () => OutputFile.WriteFolder(folder, temporary => new AnalysisPage(name, picture, parsed.GetValue(_prompt), temporary).Write(runs)));
        await Console.Out.WriteLineAsync(Path.Combine(folder, AnalysisPage.FileName));
        return ExitStatus.Done;
    }

    private async Task<IEnumerable<AnalysisRun>> Analyze(VisionLanguageModel model, RgbImage picture, string title, IPruningStrategy strategy, ParseResult parsed, ProgressDisplay progress, CancellationToken cancellation)
    {
        var prepare = _model.Pictures(parsed);
        if (parsed.GetValue(_prompt) is { } prompt)
        {
            var options = new GenerationOptions { Pruning = strategy, Pictures = prepare, MaxTokens = parsed.GetValue(_maxTokens), Trace = new Trace() };
            var answer = model.GenerateAsync([new ChatTurn(prompt)], [picture], options);
            var text = await AnswerPrinter.Print(answer, TextWriter.Null, progress, cancellation);
            cancellation.ThrowIfCancellationRequested();
            return Runs(title, strategy, answer.Records, strategy is LanguageStageStrategy or { PrunesEncoder: false } ? answer.KeptPatches : null, answer.Prepared[0], text);
        }

        var prepared = model.Prepare(picture, prepare);
        using var encoded = model.Encode([prepared], strategy, new Trace(), cancellation)[0];
        return Runs(title, strategy, encoded.Records, null, prepared, null);
    }

    /// <summary>One for each crop of the picture. What is kept is what left the encoder, if nothing else is said.</summary>
    private static IEnumerable<AnalysisRun> Runs(
        string title, IPruningStrategy strategy, IReadOnlyList<PruningRecord> records, IReadOnlyList<int[]>? kept, PreprocessedPicture picture, string? answer) => records.Select((record, crop) =>
        new AnalysisRun(title, strategy.Keep, records.Count > 1 ? crop : null, record, kept?[crop] ?? record.Kept, picture.Crops[crop].Grid, crop == 0 ? answer : null));

    /// <summary>All of them are made before the first is run, so that a wrong one is found at once.</summary>
    private List<(string Title, IPruningStrategy Strategy)> Strategies(ParseResult parsed, int tokens)
    {
        int[] budgets = parsed.GetValue(_keep) is { } list ? OptionList.Budgets(list, tokens) : [Math.Max(1, tokens / 4)];
        var strategies = new List<(string Title, IPruningStrategy Strategy)>();
        foreach (var method in MethodVariant.All(parsed.GetValue(_method)!))
        {
            if (method.HasStage && parsed.GetValue(_prompt) is null)
                throw new InputException($"--method '{method.Name}' drops tokens while the language model reads a question; give one (--prompt)");
            if (method.HasBudget) strategies.Add((method.Name, method.Strategy(null)));
            else strategies.AddRange(budgets.Select(keep => (method.Name, method.Strategy(keep))));
        }

        if (parsed.GetValue(_prompt) is null && strategies.Find(s => !s.Strategy.PrunesEncoder) is { Title: { } inLanguage })
            throw new InputException($"{inLanguage} drops tokens while the language model reads a question; give one (--prompt)");

        return strategies;
    }
}

using System.CommandLine;
using System.Globalization;
using FlowCut.Cli.Evaluation;
using FlowCut.Models;

namespace FlowCut.Cli.Commands;

/// <summary>flowcut eval: how right the answers to a file of questions are, by method and budget.</summary>
internal sealed class EvalCommand
{
    private const string TableFile = "table.csv";

    private readonly ModelArguments _model = new();
    private readonly Option<string> _data = new("--data") { Description = "The questions.", HelpName = "FILE", Required = true };
    private readonly Option<string> _format = new("--format") { Description = $"Of the questions: {string.Join(", ", DataFormat.All.Select(f => f.Name))}.", DefaultValueFactory = _ => "jsonl" };
    private readonly Option<string?> _images = new("--images") { Description = "Folder of the pictures; by default that of the questions.", HelpName = "DIR" };
    private readonly Option<string?> _annotations = new("--annotations") { Description = "The answers (vqa).", HelpName = "FILE" };
    private readonly Option<string[]> _method = new("--method") { Description = MethodVariant.HelpText, HelpName = "A,B,...", DefaultValueFactory = _ => ["flowcut"] };
    private readonly Option<string> _keep = new("--keep") { Description = "Budgets, joined by commas.", HelpName = "N,N,...", Required = true };
    private readonly Option<int?> _limit = new("--limit") { Description = "Ask only the first N questions.", HelpName = "N" };
    private readonly Option<string> _instruction = new("--instruction") { Description = "Put on a line of its own behind each question; '' for none.", HelpName = "TEXT", DefaultValueFactory = _ => "Answer the question using a single word or phrase." };
    private readonly Option<int> _maxTokens = new("--max-tokens") { Description = "Tokens of an answer at most.", HelpName = "N", DefaultValueFactory = _ => 16 };
    private readonly Option<string?> _out = new("--out") { Description = "Folder for answers, table and plot; what is answered there is not asked again.", HelpName = "DIR" };
    private readonly Option<bool> _json = new("--json") { Description = "Print the table as JSON." };

    public static Command Create()
    {
        var arguments = new EvalCommand();
        var command = new Command("eval", "Compare methods and budgets by the answers to a file of questions; goes on where it was stopped.");
        arguments._model.AddTo(command);
        foreach (var option in new Option[]
        {
            arguments._data, arguments._format, arguments._images, arguments._annotations, arguments._method, arguments._keep,
            arguments._limit, arguments._instruction, arguments._maxTokens, arguments._out, arguments._json,
        }) command.Add(option);
        command.SetAction((parsed, cancellation) => Task.Run(() => arguments.Run(parsed, cancellation), CancellationToken.None));
        return command;
    }

    private int Run(ParseResult parsed, CancellationToken cancellation)
    {
        var format = DataFormat.Find(parsed.GetValue(_format)!);
        var maxTokens = parsed.GetValue(_maxTokens);
        if (maxTokens < 1) throw new InputException($"--max-tokens is 1 or more, not {maxTokens}");
        if (parsed.GetValue(_limit) is < 1 and var limit) throw new InputException($"--limit is 1 or more, not {limit}");
        var folder = parsed.GetValue(_out);
        if (folder is not null) OutputFile.CheckFolder(folder, TableFile);
        var files = Files(parsed);
        var questions = format.Read(files, parsed.GetValue(_limit));
        var methods = MethodVariant.All(parsed.GetValue(_method)!);
        var pictures = _model.Pictures(parsed);

        var progress = new ProgressDisplay(quiet: parsed.GetValue(_json));
        using var model = _model.Load(parsed, progress);
        var contenders = Contender.All(methods, OptionList.Numbers("--keep", parsed.GetValue(_keep)!, model.Description.PictureTokens).Distinct().Order().ToArray());
        using var log = AnswerLog.Open(folder, Conditions(parsed, model, files));
        try
        {
            new EvaluationRun(model, pictures, parsed.GetValue(_instruction)!, maxTokens).Run(questions, contenders, log, progress, cancellation);
        }
        catch (OperationCanceledException) when (log.Count > 0 && folder is not null)
        {
            Console.Error.WriteLine($"stopped; {log.Count} answers are in {folder}, and the same command goes on with the others");
            throw;
        }

        Write(parsed, [.. contenders.Select(c => EvaluationRow.Of(c, questions, log, format.Rule))], folder);
        return ExitStatus.Done;
    }

    private void Write(ParseResult parsed, List<EvaluationRow> rows, string? folder)
    {
        var table = new EvaluationTable(rows);
        if (folder is not null)
        {
            foreach (var (name, text) in new[] { (TableFile, table.ToCsv()), ("table.json", table.ToJson()), ("plot.svg", AccuracyPlot.Draw(rows)) })
            {
                var path = Path.Combine(folder, name);
                OutputFile.Write(path, () => OutputFile.WriteText(path, text));
            }
        }

        Console.Write(parsed.GetValue(_json) ? table.ToJson() : table.ToText());
    }

    private DataFiles Files(ParseResult parsed)
    {
        var data = parsed.GetValue(_data)!;
        return new DataFiles(data, parsed.GetValue(_annotations), parsed.GetValue(_images) ?? Path.GetDirectoryName(Path.GetFullPath(data))!);
    }

    private RunConditions Conditions(ParseResult parsed, VisionLanguageModel model, DataFiles files)
    {
        var conditions = new RunConditions();
        _model.Describe(parsed, conditions.Add);
        conditions.Add("device", model.Backend.Name);
        conditions.Add("dtype", model.Backend.ActivationType.ToString());
        conditions.Add("format", parsed.GetValue(_format)!);
        conditions.AddFile("data", files.File);
        conditions.AddFile("annotations", files.Annotations);
        conditions.Add("images", Path.GetFullPath(files.Images));
        conditions.Add("instruction", parsed.GetValue(_instruction)!);
        conditions.Add("max-tokens", parsed.GetValue(_maxTokens).ToString(CultureInfo.InvariantCulture));
        return conditions;
    }
}

using System.CommandLine;
using FlowCut.Models;
using FlowCut.Models.Imaging;
using FlowCut.Models.Pruning;

namespace FlowCut.Cli;

/// <summary>The options that choose a pruning method and its budget.</summary>
internal sealed class PruningArguments
{
    private readonly Option<string?> _method = new("--method") { Description = "Pruning method; see 'flowcut methods'.", HelpName = "NAME" };
    private readonly Option<int?> _keep = new("--keep") { Description = "Visual tokens left after the last pruning step.", HelpName = "N" };
    private readonly Option<double?> _ratio = new("--keep-ratio") { Description = "The same as a share of the unpruned count.", HelpName = "R" };
    private readonly Option<string[]> _set = new("--set") { Description = "An option of the method, name=value; repeatable.", HelpName = "NAME=VALUE", AllowMultipleArgumentsPerToken = true };
    private readonly Option<string?> _stage = new("--llm-stage") { Description = "A further stage in the language model, N@LAYER, or off.", HelpName = "N@LAYER|off" };

    public void AddTo(Command command)
    {
        command.Add(_method);
        command.Add(_keep);
        command.Add(_ratio);
        command.Add(_set);
        command.Add(_stage);
    }

    /// <summary>What is asked for, its budgets checked.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="model">Counts the pictures' visual tokens.</param>
    /// <param name="pictures">May be none: then the model's usual count is a limit.</param>
    /// <param name="options">How they are prepared.</param>
    /// <exception cref="InputException">The options do not make sense together.</exception>
    public PruningChoice Choice(ParseResult parsed, VisionLanguageModel model, IReadOnlyList<RgbImage> pictures, PictureOptions options)
    {
        int[] tokens = pictures.Count == 0 ? [model.Description.PictureTokens] : [.. pictures.Select(p => model.BudgetTokens(p, options))];
        var choice = Encoder(parsed, tokens);
        if (parsed.GetValue(_stage) is not { } text) return choice;
        if (text == "off") return choice with { Stage = new StageChoice(null) };
        var stage = LanguageStage.Parse(text);
        // the language model reads the tiles of a picture as one
        CheckBudget("--llm-stage", stage.Keep, model.Description.Form == PictureForm.Tiles ? [model.Description.PictureTokens] : tokens);
        return choice with { Stage = new StageChoice(stage) };
    }

    private PruningChoice Encoder(ParseResult parsed, int[] tokens)
    {
        var method = parsed.GetValue(_method);
        var settings = MethodSettingsArguments.Pairs(parsed.GetValue(_set) ?? []);
        if (parsed.GetValue(_keep) is not null && parsed.GetValue(_ratio) is not null)
            throw new InputException("--keep and --keep-ratio both name the budget; give one");
        var keep = parsed.GetValue(_keep) ?? FromRatio(parsed.GetValue(_ratio), tokens);
        var chosen = PruningMethod.Find(method ?? "flowcut");
        if (keep is null)
        {
            if (method is not null && !chosen.HasBudget(settings))
                throw new InputException($"--method {method} needs a budget: --keep N or --keep-ratio R{OrOptions(chosen)}");
            if (method is null && settings.Count > 0) throw new InputException("--set gives options of a method, but neither --method nor --keep was given");
        }
        else
        {
            CheckBudget("--keep", keep.Value, tokens);
        }

        return new PruningChoice(chosen, keep, settings, null);
    }

    /// <summary>What a method takes in place of a budget.</summary>
    private static string OrOptions(PruningMethod method) =>
        method.BudgetOptions.Count == 0 ? "" : $", or {string.Join(" and ", method.BudgetOptions.Select(name => $"--set {name}=…"))}";

    private static void CheckBudget(string option, int keep, int[] tokens)
    {
        var fewest = tokens.Min();
        if (keep < 1 || keep > fewest)
            throw new InputException($"{option} {keep} is out of range: {(tokens.Length > 1 ? "the smallest picture" : "a picture")} has {fewest} visual tokens, so the budget is 1 to {fewest}");
    }

    private static int? FromRatio(double? ratio, int[] tokens)
    {
        if (ratio is not { } r) return null;
        if (!(r is > 0 and <= 1)) throw new InputException($"--keep-ratio lies in (0, 1], not {r}");
        if (tokens.Any(t => t != tokens[0]))
            throw new InputException($"--keep-ratio means another number for each of these pictures ({string.Join(", ", tokens)} visual tokens); give --keep N");
        return Math.Max(1, (int)Math.Round(r * tokens[0], MidpointRounding.ToEven));
    }
}

using FlowCut.Models;
using FlowCut.Models.Pruning;

namespace FlowCut.Cli;

/// <summary>A method, its budget and options and a stage in the language model, as a user names them one by one.</summary>
/// <param name="Method">The method.</param>
/// <param name="Keep">Its budget; null where the settings say it, or where the method is not to be used.</param>
/// <param name="Settings">Its options by name.</param>
/// <param name="Stage">Null: what the method does in the language model by itself.</param>
internal sealed record PruningChoice(PruningMethod Method, int? Keep, IReadOnlyDictionary<string, string> Settings, StageChoice? Stage)
{
    /// <summary>The same with another budget, in place of one that settings say.</summary>
    public PruningChoice WithBudget(int keep) => this with
    {
        Keep = keep,
        Settings = Settings.Where(s => !Method.BudgetOptions.Contains(s.Key)).ToDictionary(s => s.Key, s => s.Value, StringComparer.Ordinal),
    };

    /// <summary>Null where nothing prunes.</summary>
    /// <exception cref="InputException">The method refuses an option or the budget.</exception>
    public IPruningStrategy? Strategy()
    {
        var strategy = Keep is not null || Method.HasBudget(Settings) ? Method.Create(Keep, Settings) : null;
        return Stage is null || (Stage.Stage is null && strategy is null) ? strategy : new LanguageStageStrategy(strategy, Stage.Stage);
    }
}

/// <summary>What is to happen in the language model, whatever the method says.</summary>
/// <param name="Stage">Null: nothing.</param>
internal sealed record StageChoice(LanguageStage? Stage);

using FlowCut.Models.Pruning.Methods;

namespace FlowCut.Models.Pruning;

/// <summary>A pruning method as users name and configure it: its options with their defaults and where it comes from.</summary>
public abstract class PruningMethod
{
    /// <summary>As on the command line.</summary>
    public abstract string Name { get; }

    /// <summary>One sentence: what it drops, by what.</summary>
    public abstract string Summary { get; }

    /// <summary>Paper and code.</summary>
    public abstract string Source { get; }

    public abstract IReadOnlyList<PruningMethodOption> Options { get; }

    /// <summary>Options that together say how many tokens stay where, in place of a budget; none: only a budget says it.</summary>
    public virtual IReadOnlyList<string> BudgetOptions => [];

    /// <summary>Makes the strategy.</summary>
    /// <param name="keep">Visual tokens left at the end, or on average over the layers of a language model in which some are dropped; null where settings say it.</param>
    /// <param name="settings">Option values by name.</param>
    /// <exception cref="InputException">An unknown option or value, no budget, or two; the message lists the right ones.</exception>
    public IPruningStrategy Create(int? keep, IReadOnlyDictionary<string, string> settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        foreach (var name in settings.Keys) CheckOption(name);
        CheckBudget(keep, settings);
        return Build(keep, new MethodSettings(this, settings));
    }

    /// <exception cref="InputException">The method has no option of this name; the message lists those that it has.</exception>
    public void CheckOption(string name)
    {
        if (!Options.Any(o => o.Name == name))
            throw new InputException(Options.Count == 0 ? $"{Name} has no options, so none '{name}'" : $"{Name} has no option '{name}'; its options are {string.Join(", ", Options.Select(o => o.Name))}");
    }

    /// <summary>Whether settings say how many tokens stay where.</summary>
    public bool HasBudget(IReadOnlyDictionary<string, string> settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        return BudgetOptions.Count > 0 && BudgetOptions.All(settings.ContainsKey);
    }

    /// <summary>All methods, by the order in which they are listed.</summary>
    public static IReadOnlyList<PruningMethod> All { get; } =
    [
        new FlowCutMethod(), new FastVMethod(), new SparseVlmMethod(isPlus: false), new SparseVlmMethod(isPlus: true), new PyramidDropMethod(),
        new VisionZipMethod(), new DivPruneMethod(), new CdPrunerMethod(), new VisPrunerMethod(), new HoloVMethod(), new VScanMethod(),
        new ClassAttentionMethod(), new RandomMethod(), new UniformMethod(), new PoolMethod(),
    ];

    /// <exception cref="InputException">There is no such method; the message lists them.</exception>
    public static PruningMethod Find(string name) => All.FirstOrDefault(m => m.Name == name)
        ?? throw new InputException($"there is no pruning method '{name}'; the methods are {string.Join(", ", All.Select(m => m.Name))}");

    /// <param name="keep">At least 1; null where all of <see cref="BudgetOptions"/> are given.</param>
    /// <param name="settings">Of known names.</param>
    private protected abstract IPruningStrategy Build(int? keep, MethodSettings settings);

    private void CheckBudget(int? keep, IReadOnlyDictionary<string, string> settings)
    {
        var whole = string.Join(" and ", BudgetOptions);
        var given = BudgetOptions.Where(settings.ContainsKey).ToArray();
        if (keep is null && !HasBudget(settings))
            throw new InputException($"{Name} needs a budget: --keep N or --keep-ratio R{(whole.Length == 0 ? "" : $", or the options {whole}")}");
        if (keep is not null && HasBudget(settings))
            throw new InputException($"{Name}: {whole} say how many tokens stay, and so does the budget; give one");
        if (keep is not null && given.Length > 0)
            throw new InputException($"{Name}: {string.Join(" and ", given)} is a part of a budget of its own, which is {whole}; give these, or --keep N without them");
        if (keep is < 1) throw new InputException($"{Name} keeps at least 1 visual token, not {keep}");
    }
}

/// <param name="Name">As in --set name=value.</param>
/// <param name="Values">What it takes, for people.</param>
/// <param name="Default">Its default, as text.</param>
public sealed record PruningMethodOption(string Name, string Values, string Default);

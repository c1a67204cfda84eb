using FlowCut.Models;
using FlowCut.Models.Pruning;

namespace FlowCut.Cli.Evaluation;

/// <summary>One row of the comparison: the whole model, or a method at a budget.</summary>
internal sealed class Contender
{
    /// <summary>The method's name where nothing is pruned.</summary>
    public const string Whole = "unpruned";

    private Contender(string method, int? keep, string settings = "") => (Method, Keep, Settings) = (method, keep, settings);

    public string Method { get; }

    /// <summary>Null where nothing is pruned.</summary>
    public int? Keep { get; }

    /// <summary>The method's options as they are written down, by name; empty where none is set.</summary>
    public string Settings { get; }

    public IPruningStrategy? Strategy { get; private init; }

    /// <summary>Why the method cannot be used here; null where it can.</summary>
    public string? Refusal { get; private set; }

    /// <summary>The whole model first, then every method at every budget.</summary>
    /// <param name="methods">Their names.</param>
    /// <param name="budgets">For each of them.</param>
    /// <param name="settings">Each method's options.</param>
    /// <exception cref="InputException">There is no such method.</exception>
    public static List<Contender> All(IEnumerable<string> methods, IReadOnlyList<int> budgets, IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> settings)
    {
        var all = new List<Contender> { new(Whole, null) };
        foreach (var method in methods.Select(PruningMethod.Find)) all.AddRange(budgets.Select(keep => Of(method, keep, settings[method.Name])));
        return all;
    }

    /// <summary>Does what a method may refuse; then the method is out, and the others go on.</summary>
    /// <returns>Whether it was done.</returns>
    /// <exception cref="InputException">Without pruning it cannot be done either.</exception>
    public bool Try(Action work)
    {
        try
        {
            work();
            return true;
        }
        catch (Exception e) when (Strategy is not null && e is InputException or NotSupportedException)
        {
            Refusal = e.Message;
            return false;
        }
    }

    private static Contender Of(PruningMethod method, int keep, IReadOnlyDictionary<string, string> settings)
    {
        var text = string.Join(' ', settings.OrderBy(s => s.Key, StringComparer.Ordinal).Select(s => $"{s.Key}={s.Value}"));
        try
        {
            return new Contender(method.Name, keep, text) { Strategy = method.Create(keep, settings) };
        }
        catch (InputException e)
        {
            return new Contender(method.Name, keep, text) { Refusal = e.Message };
        }
    }
}

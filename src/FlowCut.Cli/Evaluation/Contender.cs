using FlowCut.Models;
using FlowCut.Models.Pruning;

namespace FlowCut.Cli.Evaluation;

/// <summary>One row of the comparison: the whole model, or a method at a budget.</summary>
internal sealed class Contender
{
    /// <summary>The method's name where nothing is pruned.</summary>
    public const string Whole = "unpruned";

    private Contender(string method, int? keep) => (Method, Keep) = (method, keep);

    /// <summary>Its name, and the options that differ from its defaults, as the user gave them.</summary>
    public string Method { get; }

    /// <summary>Null where nothing is pruned, or where options say how many tokens stay.</summary>
    public int? Keep { get; }

    public IPruningStrategy? Strategy { get; private init; }

    /// <summary>Why the method cannot be used here; null where it can.</summary>
    public string? Refusal { get; private set; }

    /// <summary>The whole model first, then every method at every budget.</summary>
    public static List<Contender> All(IEnumerable<MethodVariant> methods, IReadOnlyList<int> budgets)
    {
        var all = new List<Contender> { new(Whole, null) };
        foreach (var method in methods)
        {
            if (method.HasBudget) all.Add(Of(method, null));
            else all.AddRange(budgets.Select(keep => Of(method, keep)));
        }

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
        catch (Exception e) when (Strategy is not null && e is InputException)
        {
            Refusal = e.Message;
            return false;
        }
    }

    private static Contender Of(MethodVariant method, int? keep)
    {
        try
        {
            return new Contender(method.Name, keep) { Strategy = method.Strategy(keep) };
        }
        catch (InputException e)
        {
            return new Contender(method.Name, keep) { Refusal = e.Message };
        }
    }
}

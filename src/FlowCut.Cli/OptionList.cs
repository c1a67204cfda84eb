using System.Globalization;
using FlowCut.Models;

namespace FlowCut.Cli;

/// <summary>Option values that are lists, joined by commas.</summary>
internal static class OptionList
{
    /// <exception cref="InputException">The list is empty.</exception>
    public static string[] Parse(string option, string list)
    {
        var parts = list.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return parts.Length > 0 ? parts : throw new InputException($"{option} '{list}' names nothing; it takes values joined by commas");
    }

    /// <summary>The values of --keep, each within what a picture has.</summary>
    /// <exception cref="InputException">The list is empty, or a part of it is no budget.</exception>
    public static int[] Budgets(string list, int pictureTokens)
    {
        var parts = Parse("--keep", list);
        var budgets = new int[parts.Length];
        for (var i = 0; i < parts.Length; i++)
        {
            if (!int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out budgets[i]) || budgets[i] < 1 || budgets[i] > pictureTokens)
                throw new InputException($"--keep {parts[i]} is no budget: a picture has {pictureTokens} visual tokens, so budgets are 1 to {pictureTokens}");
        }

        return budgets;
    }

    /// <summary>Numbers from 1 to a largest one, joined by commas.</summary>
    /// <exception cref="InputException">Something else stands there.</exception>
    public static int[] Numbers(string option, string list, int largest)
    {
        var parts = Parse(option, list);
        var numbers = new int[parts.Length];
        for (var i = 0; i < parts.Length; i++)
        {
            if (!int.TryParse(parts[i], NumberStyles.None, CultureInfo.InvariantCulture, out numbers[i]) || numbers[i] < 1 || numbers[i] > largest)
                throw new InputException($"{option} takes numbers from 1 to {largest}, not '{parts[i]}'");
        }

        return numbers;
    }
}

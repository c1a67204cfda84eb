using System.Globalization;
using FlowCut.Kernels;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Families;

namespace FlowCut.Models;

/// <summary>A model does not fit the memory of its device. The message says what was wanted, what was free, and what would fit.</summary>
public sealed class ModelOutOfMemoryException : Exception
{
    /// <summary>What answers and prompts are taken to be long where it is not known yet.</summary>
    internal const int UsualTokens = 168;

    /// <summary>Published budgets, to be tried in this order.</summary>
    private static readonly int[] s_budgets = [192, 128, 64, 32];

    private ModelOutOfMemoryException(string message, Exception innerException)
        : base(message, innerException) { }

    /// <param name="cause">The allocation that failed.</param>
    /// <param name="needs">Of the model.</param>
    /// <param name="held">Bytes that the model's backend has allocated already.</param>
    /// <param name="activations">As it runs now.</param>
    /// <param name="visualTokens">Kept of a picture now.</param>
    /// <param name="otherTokens">Of prompt and answer.</param>
    internal static ModelOutOfMemoryException Of(DeviceOutOfMemoryException cause, MemoryNeeds needs, long held, StoredType activations, int visualTokens, int otherTokens)
    {
        // what other programs hold cannot be had
        var available = Math.Min(cause.Total, cause.Free + Math.Max(cause.PoolReserved, held));
        return new ModelOutOfMemoryException($"{cause.Message}\n{Advice(needs, activations, visualTokens, otherTokens, available)}", cause);
    }

    private static string Advice(MemoryNeeds needs, StoredType activations, int visualTokens, int otherTokens, long available)
    {
        StoredType[] types = activations == StoredType.Float32 ? [activations, needs.HalfType] : [activations];
        int[] budgets = [visualTokens, .. s_budgets.Where(n => n < visualTokens)];
        var now = needs.Total(activations, visualTokens, otherTokens);
        foreach (var type in types)
        {
            foreach (var budget in budgets)
            {
                var total = needs.Total(type, budget, otherTokens);
                if ((type == activations && budget == visualTokens) || total > available) continue;
                var changes = new[] { type == activations ? null : $"dtype {Name(type)}", budget == visualTokens ? null : $"keep {budget}" }.Where(c => c is not null);
                return $"The model takes about {Size(now)} with dtype {Name(activations)} and {visualTokens} visual tokens; with {string.Join(" and ", changes)} it takes {Size(total)} and would fit.";
            }
        }

        var least = needs.Total(types[^1], budgets[^1], otherTokens);
        return $"The model takes about {Size(now)} with dtype {Name(activations)} and {visualTokens} visual tokens, at the least {Size(least)} (dtype {Name(types[^1])}, keep {budgets[^1]}); free memory on the device, or use a larger one or the CPU.";
    }

    private static string Name(StoredType type) => type switch
    {
        StoredType.Float16 => "f16",
        StoredType.BFloat16 => "bf16",
        _ => "f32",
    };

    private static string Size(long bytes) => bytes < 1L << 30
        ? string.Create(CultureInfo.InvariantCulture, $"{bytes / (1024.0 * 1024):F0} MiB")
        : string.Create(CultureInfo.InvariantCulture, $"{bytes / (1024.0 * 1024 * 1024):F1} GiB");
}

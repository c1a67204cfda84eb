using System.Text;

namespace FlowCut.Models.Checkpoints;

/// <summary>Names from a file, fit for a message: a hostile file must not write megabytes or control sequences to a terminal.</summary>
internal static class Quoted
{
    private const int MaxLength = 200;

    public static string Text(string name)
    {
        var text = new StringBuilder(Math.Min(name.Length, MaxLength) + 8).Append('\'');
        foreach (var c in name.AsSpan(0, Math.Min(name.Length, MaxLength)))
            text.Append(char.IsControl(c) || char.IsSurrogate(c) ? '\uFFFD' : c);
        if (name.Length > MaxLength) text.Append('…');
        return text.Append('\'').ToString();
    }
}

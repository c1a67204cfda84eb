using System.Globalization;
using System.Text.RegularExpressions;

namespace FlowCut.Kernels.Inspection;

/// <summary>The assembler's report in NVRTC's log. Bytes spilled stand nowhere else.</summary>
internal static partial class AssemblerLog
{
    /// <summary>Bytes of spill stores and loads of a kernel; null if the log says nothing about it.</summary>
    public static (int Stores, int Loads)? Spills(string log, string kernel)
    {
        foreach (Match match in Properties().Matches(log))
        {
            if (match.Groups[1].Value == kernel) return (Number(match.Groups[2]), Number(match.Groups[3]));
        }

        return null;
    }

    private static int Number(Group group) => int.Parse(group.Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"Function properties for (\S+)\s+ptxas\s+\.\s+\d+ bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", RegexOptions.CultureInvariant)]
    private static partial Regex Properties();
}

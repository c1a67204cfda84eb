using System.Text;

namespace FlowCut.Interop;

/// <summary>Names of the vendor's headers, derived from the members of the enums here.</summary>
internal static class NativeNames
{
    /// <summary><c>OutOfMemory</c> becomes <c>OUT_OF_MEMORY</c>.</summary>
    public static string FromMember(string member)
    {
        var name = new StringBuilder(member.Length + 8);
        foreach (var letter in member)
        {
            if (char.IsAsciiLetterUpper(letter) && name.Length > 0) name.Append('_');
            name.Append(char.ToUpperInvariant(letter));
        }

        return name.ToString();
    }
}

using System.Buffers;
using System.Globalization;
using System.Text;

namespace FlowCut.Models.Tokenization;

/// <summary>
/// Unicode's normalization form C (UAX 15): characters are decomposed, their marks brought into order, and composed again.
/// The runtime's own needs ICU, and in a program that runs without (InvariantGlobalization) it returns every text unchanged.
/// </summary>
internal sealed class CanonicalComposition
{
    private const string Resource = "FlowCut.Models.CanonicalMappings.txt";

    // Hangul syllables: leading consonant, vowel, and a trailing consonant or none
    private const int Syllables = 0xAC00;
    private const int Leads = 0x1100;
    private const int Vowels = 0x1161;
    private const int TrailsBefore = 0x11A7;
    private const int LeadCount = 19;
    private const int VowelCount = 21;
    private const int TrailCount = 28;
    private const int SyllableCount = LeadCount * VowelCount * TrailCount;

    private static readonly Lazy<CanonicalComposition> _unicode = new(() => new CanonicalComposition());

    private readonly Dictionary<int, (int First, int Second)> _decompositions = [];
    private readonly Dictionary<(int First, int Second), int> _compositions = [];
    private readonly Dictionary<int, byte> _classes = [];

    // UTF-16 code units of all characters that a text in form C lacks or that may compose with those before them
    private readonly SearchValues<char> _notAlwaysComposed;

    private CanonicalComposition()
    {
        var unstable = new HashSet<char>();
        using var stream = typeof(CanonicalComposition).Assembly.GetManifestResourceStream(Resource)
            ?? throw new InvalidOperationException($"the assembly lacks its resource {Resource}");
        using var reader = new StreamReader(stream, Encoding.UTF8);
        while (reader.ReadLine() is { } line)
        {
            if (line.StartsWith('#')) continue;
            Read(line.Split(' '), unstable);
        }

        for (var vowel = 0; vowel < VowelCount; vowel++) unstable.Add((char)(Vowels + vowel));
        for (var trail = 1; trail < TrailCount; trail++) unstable.Add((char)(TrailsBefore + trail));
        _notAlwaysComposed = SearchValues.Create([.. unstable]);
    }

    /// <summary>The composed form of <paramref name="text"/>, which has no lone surrogates.</summary>
    public static string Compose(string text) =>
        // all characters below U+0300 are composed, and nothing among them composes
        !text.AsSpan().ContainsAnyExceptInRange('\0', '\u02FF') ? text : _unicode.Value.Normalize(text);

    private static int Parse(string hexadecimal) => int.Parse(hexadecimal, NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    private void Read(string[] fields, HashSet<char> unstable)
    {
        var code = Parse(fields[0]);
        if (fields[1] is not ("=" or ">"))
        {
            for (var last = Parse(fields[1]); code <= last; code++)
            {
                _classes.Add(code, byte.Parse(fields[2], CultureInfo.InvariantCulture));
                AddUnstable(code);
            }

            return;
        }

        var (first, second) = (Parse(fields[2]), fields.Length > 3 ? Parse(fields[3]) : 0);
        _decompositions.Add(code, (first, second));
        if (fields[1] == "=") _compositions.Add((first, second), code);
        AddUnstable(fields[1] == "=" ? second : code);

        void AddUnstable(int character) => unstable.Add(char.ConvertFromUtf32(character)[0]);
    }

    private string Normalize(string text)
    {
        if (!text.AsSpan().ContainsAny(_notAlwaysComposed)) return text;
        var characters = new List<int>(text.Length);
        foreach (var rune in text.EnumerateRunes()) Decompose(rune.Value, characters);
        Order(characters);
        var result = new StringBuilder(text.Length);
        Span<char> utf16 = stackalloc char[2];
        foreach (var character in ComposeAll(characters)) result.Append(utf16[..new Rune(character).EncodeToUtf16(utf16)]);
        return result.ToString();
    }

    private void Decompose(int character, List<int> output)
    {
        var syllable = character - Syllables;
        if (syllable is >= 0 and < SyllableCount)
        {
            output.Add(Leads + (syllable / (VowelCount * TrailCount)));
            output.Add(Vowels + (syllable / TrailCount % VowelCount));
            if (syllable % TrailCount > 0) output.Add(TrailsBefore + (syllable % TrailCount));
        }
        else if (_decompositions.TryGetValue(character, out var parts))
        {
            Decompose(parts.First, output);
            // a second part never decomposes
            if (parts.Second != 0) output.Add(parts.Second);
        }
        else
        {
            output.Add(character);
        }
    }

    private int ClassOf(int character) => _classes.GetValueOrDefault(character);

    /// <summary>Brings each run of marks into the order of their classes; marks of one class keep theirs.</summary>
    private void Order(List<int> characters)
    {
        for (var start = 0; start < characters.Count; start++)
        {
            if (ClassOf(characters[start]) == 0) continue;
            var end = start;
            while (end < characters.Count && ClassOf(characters[end]) != 0) end++;
            var ordered = characters[start..end].OrderBy(ClassOf).ToArray();
            for (var i = 0; i < ordered.Length; i++) characters[start + i] = ordered[i];
            start = end;
        }
    }

    /// <summary>Joins each mark, or vowel and trailing consonant, with the last character of class 0, if nothing between them is in the way.</summary>
    private List<int> ComposeAll(List<int> characters)
    {
        var output = new List<int>(characters.Count);
        var starter = -1;
        foreach (var character in characters)
        {
            var rank = ClassOf(character);
            var isReachable = starter >= 0 && (starter == output.Count - 1 || ClassOf(output[^1]) < rank);
            if (isReachable && TryCompose(output[starter], character, out var composed))
            {
                output[starter] = composed;
                continue;
            }

            if (rank == 0) starter = output.Count;
            output.Add(character);
        }

        return output;
    }

    private bool TryCompose(int first, int second, out int composed)
    {
        var (lead, vowel) = (first - Leads, second - Vowels);
        if (lead is >= 0 and < LeadCount && vowel is >= 0 and < VowelCount)
        {
            composed = Syllables + (((lead * VowelCount) + vowel) * TrailCount);
            return true;
        }

        var (syllable, trail) = (first - Syllables, second - TrailsBefore);
        if (syllable is >= 0 and < SyllableCount && syllable % TrailCount == 0 && trail is > 0 and < TrailCount)
        {
            composed = first + trail;
            return true;
        }

        return _compositions.TryGetValue((first, second), out composed);
    }
}

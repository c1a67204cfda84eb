using System.Globalization;
using System.Text;

namespace FlowCut.Cli.Evaluation;

/// <summary>
/// Makes answers comparable, as the VQA challenge describes its evaluation (visualqa.org/evaluation): lower case, no articles, number
/// words as digits, apostrophes where a contraction lacks them, no full stop but in decimals, no comma between digits, and other
/// punctuation but apostrophes and colons as spaces.
/// </summary>
internal static class AnswerNormalisation
{
    private static readonly HashSet<string> s_articles = ["a", "an", "the"];

    private static readonly string[] s_numbers = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"];

    /// <summary>Without those that are words of their own (its, were, well, ill, …).</summary>
    private static readonly string[] s_contractions =
    [
        "ain't", "aren't", "can't", "could've", "couldn't", "didn't", "doesn't", "don't", "hadn't", "hasn't", "haven't", "he'd", "he's",
        "how'd", "how'll", "how's", "i'm", "i've", "isn't", "it'd", "it'll", "let's", "ma'am", "might've", "mightn't", "must've", "mustn't",
        "needn't", "o'clock", "oughtn't", "she's", "should've", "shouldn't", "somebody's", "someone's", "something's", "that'd", "that's",
        "there'd", "there're", "there's", "they'd", "they'll", "they're", "they've", "wasn't", "we've", "weren't", "what'll", "what're",
        "what's", "what've", "when's", "where'd", "where's", "where've", "who'd", "who'll", "who's", "who've", "why'll", "why're", "why's",
        "won't", "would've", "wouldn't", "y'all", "you'd", "you'll", "you're", "you've",
    ];

    private static readonly Dictionary<string, string> s_words = Words();

    public static string Of(string answer) =>
        string.Join(' ', WordsOf(answer).Select(word => s_words.GetValueOrDefault(word, word)).Where(word => !s_articles.Contains(word)));

    /// <summary>In lower case and without punctuation, not yet replaced.</summary>
    public static string[] WordsOf(string answer) => Spaced(answer.ToLowerInvariant()).Split(' ', StringSplitOptions.RemoveEmptyEntries);

    /// <summary>Punctuation taken out or made a space.</summary>
    private static string Spaced(string text)
    {
        var result = new StringBuilder(text.Length);
        for (var i = 0; i < text.Length; i++)
        {
            var digits = (Before: i > 0 && char.IsAsciiDigit(text[i - 1]), After: i + 1 < text.Length && char.IsAsciiDigit(text[i + 1]));
            switch (text[i])
            {
                case '.' when digits.After: result.Append('.'); break;
                case '.': break;
                case ',' when digits is { Before: true, After: true }: break;
                // as keyboards and language models set it
                case '’': result.Append('\''); break;
                case '\'' or ':': result.Append(text[i]); break;
                case var c: result.Append(char.IsPunctuation(c) || char.IsSymbol(c) || char.IsWhiteSpace(c) ? ' ' : c); break;
            }
        }

        return result.ToString();
    }

    private static Dictionary<string, string> Words()
    {
        var words = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i < s_numbers.Length; i++) words[s_numbers[i]] = i.ToString(CultureInfo.InvariantCulture);
        foreach (var contraction in s_contractions) words[contraction.Replace("'", "", StringComparison.Ordinal)] = contraction;
        return words;
    }
}

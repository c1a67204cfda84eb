using CsCheck;
using FlowCut.Models.Tests.Backends;
using FlowCut.Models.Tokenization;
using FlowCut.Testing;

namespace FlowCut.Models.Tests.Tokenization;

/// <summary>CLIP's tokenizer on the recorded questions, against the rules word by word, and on files that are no tokenizer.</summary>
public class ClipTokenizerTests
{
    private const string Folder = "rivals/cdpruner-clip";
    private const int Begin = 662, End = 663;

    public static readonly TheoryData<string> Texts = new(
        "what colour are the eyes of the cat?",
        "Don't they're WE'VE i'll i'm she'd it's 'x' '",
        "12345 3.14 a1b2",
        "  spaces\t\n\u00A0everywhere\u2003 ",
        "café CAFÉ cafe\u0301 naïve ÅNGSTRÖM",
        "你好世界 日本語 Привет ΣΊΣΥΦΟΣ",
        "🙂🙂 👩‍👩‍👧 𝒳𝟘 \uD83D!",
        "...!!! <|endoftext|> </w> -- #hash_tag",
        "the the the",
        "\u0000\u0007\uFFFD");

    [Theory]
    [InlineData("cdpruner-96-chelsea", "What colour are the eyes of the cat?")]
    [InlineData("cdpruner-32-coffee-wide", "How many spoons are on the table?")]
    public void The_recorded_questions_are_the_recorded_ids(string golden, string question) =>
        Assert.Equal(new GoldenTensors($"rivals/{golden}.safetensors").Integers("text.ids"), Load().Encode(question).Select(id => (long)id));

    /// <summary>Cut by the published expression, lower case, and merged as byte-pair encoding is defined.</summary>
    [Theory]
    [MemberData(nameof(Texts))]
    public void Ids_are_those_of_the_definition(string text) => Assert.Equal(ByDefinition(text), Load().Encode(text));

    [Fact]
    public void Ids_of_random_texts_are_those_of_the_definition()
    {
        var tokenizer = Load();
        // the stand-in for a long s would be a contraction, and a dotted capital is two characters
        TokenizerTexts.Broken.Select(text => text.Replace('ſ', 's').Replace('\u0130', 'i')).Sample(text => ByDefinition(text).SequenceEqual(tokenizer.Encode(text)), iter: 2000);
    }

    [Fact]
    public void Case_and_spaces_do_not_count_and_nothing_stands_for_a_special_token()
    {
        var tokenizer = Load();
        Assert.Equal([Begin, End], tokenizer.Encode(""));
        Assert.Equal([Begin, End], tokenizer.Encode(" \n\u2003"));
        Assert.Equal(tokenizer.Encode("how many spoons?"), tokenizer.Encode("\tHOW  Many\n spoons ?  "));
        Assert.Equal(tokenizer.Encode("café"), tokenizer.Encode("CAFE\u0301"));
        // a dotted capital becomes two characters, one by one and not by its surroundings as a final sigma would
        Assert.Equal(tokenizer.Encode("i\u0307x σσ"), tokenizer.Encode("\u0130x ΣΣ"));
        Assert.DoesNotContain(End, tokenizer.Encode("a <|endoftext|> b")[..^1]);
        Assert.Equal(1000 * 2 + 2, tokenizer.Encode(string.Concat(Enumerable.Repeat("the? ", 1000))).Length);
        Assert.Equal(663, tokenizer.MaxId);
    }

    [Theory]
    [InlineData("vocab.json", "\"&\": 5", "\"&\": 4", "vocab.json", "same id 4")]
    [InlineData("vocab.json", "\"the</w>\": 513,", "", "merges.txt", "'the</w>', which is not in the vocabulary")]
    [InlineData("vocab.json", "\"&\": 5,", "", "vocab.json", "'&', which stands for the byte 0x26 in")]
    [InlineData("vocab.json", "\"&</w>\": ", "\"qqqq</w>\": ", "vocab.json", "'&</w>', which stands for the byte 0x26 at the end of a word")]
    [InlineData("vocab.json", "\"<|startoftext|>\"", "\"begin\"", "vocab.json", "'<|startoftext|>'")]
    [InlineData("vocab.json", "{", "[", "vocab.json", "JSON")]
    [InlineData("merges.txt", "t h\n", "th\n", "merges.txt", "line 2 'th' does not have two parts")]
    public void What_is_wrong_in_the_files_is_refused_by_name(string file, string old, string replacement, string named, string expected)
    {
        using var folder = TokenizerFolder.CopyOf(Folder);
        var text = File.ReadAllText(folder.File(file));
        Assert.Contains(old, text, StringComparison.Ordinal);
        folder.Write(file, text.Replace(old, replacement, StringComparison.Ordinal));
        var error = Assert.Throws<ModelFormatException>(() => ClipTokenizer.Load(folder.Path));
        Assert.Equal(folder.File(named), error.File);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("vocab.json")]
    [InlineData("merges.txt")]
    public void A_file_that_is_missing_is_named(string file)
    {
        using var folder = TokenizerFolder.CopyOf(Folder, without: file);
        Assert.Contains($"{file} is not there", Assert.Throws<InputException>(() => ClipTokenizer.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Without_the_small_files_the_two_tokens_have_their_published_names()
    {
        using var folder = TokenizerFolder.CopyOf(Folder, "special_tokens_map.json", "tokenizer_config.json");
        Assert.Equal([Begin, End], ClipTokenizer.Load(folder.Path).Encode(""));
    }

    private static int[] ByDefinition(string text)
    {
        var valid = Tokenizer.ReplaceLoneSurrogates(text).ToString();
        var lower = string.Concat(CanonicalComposition.Compose(valid).EnumerateRunes().Select(r => System.Text.Rune.ToLowerInvariant(r).ToString()));
        return [Begin, .. SplittingByDefinition.Split(SplitExpression.ClipPattern, lower).SelectMany(Definition.Instance.Merge), End];
    }

    private static ClipTokenizer Load() => ClipTokenizer.Load(Goldens.Require(Folder));

    /// <summary>A word is its bytes, the last with a suffix; the first rule of the list that applies is applied everywhere, again and again.</summary>
    private sealed class Definition
    {
        private readonly Dictionary<string, int> _ids = System.Text.Json.JsonSerializer.Deserialize<Dictionary<string, int>>(File.ReadAllText(Path.Combine(Goldens.Require(Folder), "vocab.json")))!;
        private readonly (string Left, string Right)[] _merges = [.. File.ReadAllLines(Path.Combine(Goldens.Require(Folder), "merges.txt"))[1..].Where(l => l.Length > 0).Select(l => (l.Split(' ')[0], l.Split(' ')[1]))];

        public static Definition Instance { get; } = new();

        public IEnumerable<int> Merge(string word)
        {
            List<string> symbols = [.. System.Text.Encoding.UTF8.GetBytes(word).Select(b => ByteAlphabet.CharacterOf(b).ToString())];
            symbols[^1] += "</w>";
            while (_merges.Where(m => Enumerable.Range(0, symbols.Count - 1).Any(i => (symbols[i], symbols[i + 1]) == m)).Select(m => ((string, string)?)m).FirstOrDefault() is var (left, right))
            {
                for (var i = 0; i < symbols.Count - 1; i++)
                {
                    if ((symbols[i], symbols[i + 1]) != (left, right)) continue;
                    symbols[i] += symbols[i + 1];
                    symbols.RemoveAt(i + 1);
                }
            }

            return symbols.Select(s => _ids[s]);
        }
    }
}

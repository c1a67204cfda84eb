using System.Text;
using System.Text.Json;
using FlowCut.Cli.Tests.Infrastructure;
using FlowCut.Testing;

namespace FlowCut.Cli.Tests.Evaluation;

/// <summary>eval with the sample model: what it answers, how it goes on, what it refuses.</summary>
public class EvalTests
{
    /// <summary>Columns of a table that a clock fills.</summary>
    private static readonly string[] s_times = ["vision_ms", "prefill_ms", "time_share", "selection_ms", "selection_share"];

    [Fact]
    public void Interrupted_anywhere_it_comes_to_the_same_table()
    {
        using var folder = new TemporaryFolder();
        WriteData(folder);
        Succeed(folder, "--method", "flowcut,fastv", "--keep", "20");
        var (answers, table) = (File.ReadAllText(folder["out/answers.jsonl"]), File.ReadAllText(folder["out/table.csv"]));
        Assert.Equal(3 * 3, answers.Count(c => c == '\n'));

        // whole: nothing is asked again, times included
        Succeed(folder, "--method", "flowcut,fastv", "--keep", "20");
        Assert.Equal(answers, File.ReadAllText(folder["out/answers.jsonl"]));
        Assert.Equal(table, File.ReadAllText(folder["out/table.csv"]));

        var ends = Enumerable.Range(0, answers.Length).Where(i => answers[i] == '\n').ToList();
        foreach (var length in new[] { 5, ends[3] + 1, ends[6] + 40, ends[^1] })
        {
            File.WriteAllText(folder["out/answers.jsonl"], answers[..length]);
            Succeed(folder, "--method", "flowcut,fastv", "--keep", "20");
            var resumed = File.ReadAllText(folder["out/answers.jsonl"]);
            Assert.StartsWith(answers[..(answers[..length].LastIndexOf('\n') + 1)], resumed, StringComparison.Ordinal);
            Assert.Equal(WithoutTimes(table), WithoutTimes(File.ReadAllText(folder["out/table.csv"])));
        }
    }

    [Fact]
    public void The_table_grows_by_methods_and_questions()
    {
        using var folder = new TemporaryFolder();
        WriteData(folder);
        Succeed(folder, "--method", "uniform", "--keep", "8", "--limit", "1");
        var first = File.ReadAllText(folder["out/answers.jsonl"]);
        Assert.Equal(2, first.Count(c => c == '\n'));
        var result = Succeed(folder, "--method", "uniform,fastv", "--keep", "8,20");

        // one of four layers sees 64 tokens and three see 5; at 8 there are none left for them
        using var json = JsonDocument.Parse(File.ReadAllText(folder["out/table.json"]));
        var rows = json.RootElement.GetProperty("rows").EnumerateArray().ToList();
        Assert.Equal(["unpruned ", "uniform 8", "uniform 20", "fastv 8", "fastv 20"], rows.Select(r => $"{r.GetProperty("method").GetString()} {r.GetProperty("keep")}"));
        Assert.Equal([64, 8, 20, null, 19.75], rows.Select(r => r.TryGetProperty("visual_tokens", out var tokens) ? tokens.GetDouble() : (double?)null));
        Assert.Contains("17 is the least", rows[3].GetProperty("not_applicable").GetString(), StringComparison.Ordinal);
        Assert.Contains("not applicable: fastv", result.Output, StringComparison.Ordinal);
        Assert.StartsWith(first, File.ReadAllText(folder["out/answers.jsonl"]), StringComparison.Ordinal);
        Assert.Equal(4 * 3, File.ReadAllLines(folder["out/answers.jsonl"]).Length);
        Assert.True(rows[4].GetProperty("cache_bytes").GetDouble() < rows[0].GetProperty("cache_bytes").GetDouble());
        var plot = System.Xml.Linq.XDocument.Load(folder["out/plot.svg"]);
        Assert.Equal(3, plot.Descendants().Count(e => e.Name.LocalName == "circle"));
    }

    [Fact]
    public void Variants_of_a_method_are_rows_of_their_own()
    {
        using var folder = new TemporaryFolder();
        WriteData(folder);
        string[] variants = ["--method", "flowcut", "--method", "flowcut  criteria=attention", "--method", "flowcut llm-stage=4@1", "--method", "pdrop layers=1,2 ratios=0.5,0.25", "--method", "fastv layer=2 count=9", "--method", "cls layer=99"];
        var result = Succeed(folder, [.. variants, "--keep", "16"]);
        using var json = JsonDocument.Parse(File.ReadAllText(folder["out/table.json"]));
        var rows = json.RootElement.GetProperty("rows").EnumerateArray().ToList();
        Assert.Equal(
            ["unpruned ", "flowcut 16", "flowcut criteria=attention 16", "flowcut llm-stage=4@1 16", "pdrop layers=1,2 ratios=0.5,0.25 ", "fastv layer=2 count=9 ", "cls layer=99 16"],
            rows.Select(r => $"{r.GetProperty("method").GetString()} {r.GetProperty("keep")}"));
        // four layers: two see the 16 tokens of the encoder and two 4; one 64, one 32 and two 16; or two all 64 and two 9
        Assert.Equal([64, 16, 16, 10, 32, 36.5], rows.Take(6).Select(r => r.GetProperty("visual_tokens").GetDouble()));
        Assert.Contains("layer", rows[6].GetProperty("not_applicable").GetString(), StringComparison.Ordinal);
        Assert.Contains("flowcut llm-stage=4@1", result.Output, StringComparison.Ordinal);
        Assert.False(rows[0].TryGetProperty("selection_ms", out _));
        Assert.All(rows.Skip(1).Take(5), r => Assert.InRange(r.GetProperty("selection_ms").GetDouble(), 0.001, r.GetProperty("vision_ms").GetDouble() + r.GetProperty("prefill_ms").GetDouble()));

        // a comma in a name does not end its column
        var csv = File.ReadAllLines(folder["out/table.csv"]);
        Assert.StartsWith("\"pdrop layers=1,2 ratios=0.5,0.25\",,3,32,", csv[5], StringComparison.Ordinal);

        // the same once more: nothing is asked again
        var answers = File.ReadAllText(folder["out/answers.jsonl"]);
        Succeed(folder, [.. variants, "--keep", "16"]);
        Assert.Equal(answers, File.ReadAllText(folder["out/answers.jsonl"]));
    }

    [Theory]
    [InlineData("uniform", 8)]
    [InlineData("flowcut", 16)]
    public void It_answers_as_generate_does(string method, int keep)
    {
        using var folder = new TemporaryFolder();
        var question = "What animal is in the picture?";
        string Answer(params string[] more) => JsonAnswer.Of(
            ["generate", "--model", Sample.Model, "--image", Sample.Picture, "--prompt", $"{question}\nIn a word.", "--device", "cpu", "--max-tokens", "6", .. more]).GetProperty("text").GetString()!.Trim();
        var (whole, pruned) = (Answer(), Answer("--method", method, "--keep", $"{keep}"));
        // right are the answers of the whole model, but for the last question
        WriteData(folder, [
            (Sample.Picture, question, whole, "same"), (Goldens.Require("pictures/rocket.jpg"), question, "no answer", "other"), (Sample.Picture, question, "no answer", "same")]);
        var result = Succeed(folder, "--method", method, "--keep", $"{keep}", "--instruction", "In a word.");
        var answers = File.ReadAllLines(folder["out/answers.jsonl"]).Select(line => JsonDocument.Parse(line).RootElement)
            .ToDictionary(a => $"{a.GetProperty("method").GetString()} {a.GetProperty("question").GetString()}", a => a.GetProperty("answer").GetString());
        foreach (var number in new[] { 1, 3 }) Assert.Equal((whole, pruned), (answers[$"unpruned {number}"], answers[$"{method} {number}"]));

        using var json = JsonDocument.Parse(File.ReadAllText(folder["out/table.json"]));
        var row = json.RootElement.GetProperty("rows")[0];
        Assert.Equal((1 / 3.0, 0.5, 0), (row.GetProperty("accuracy").GetDouble(), row.GetProperty("accuracy_same").GetDouble(), row.GetProperty("accuracy_other").GetDouble()));
        Assert.Equal(["answers.jsonl", "plot.svg", "run.json", "table.csv", "table.json"], folder.Files.Where(f => f.StartsWith("out/", StringComparison.Ordinal)).Select(f => f[4..]));
        Assert.Contains("33.3 %", result.Output, StringComparison.Ordinal);
    }

    /// <summary>A method that looks at the question gets it without the instruction, and options of its own.</summary>
    [Fact]
    public void A_method_that_looks_at_the_question_is_told_it_bare()
    {
        using var folder = new TemporaryFolder();
        var clip = Goldens.Require("rivals/cdpruner-clip");
        string[] questions = ["What animal is in the picture?", "How many spoons are on the table?"];
        var expected = questions.Select(q => JsonAnswer.Of(
            ["generate", "--model", Sample.Model, "--image", Sample.Picture, "--prompt", $"{q}\nIn a word.", "--device", "cpu", "--max-tokens", "6",
                "--method", "cdpruner", "--keep", "6", "--set", $"clip={clip}", $"question={q}"]).GetProperty("text").GetString()!.Trim()).ToList();
        WriteData(folder, questions.Select(q => (Sample.Picture, q, "cat", "animal")));
        Succeed(folder, "--method", "uniform,cdpruner", "--keep", "6", "--instruction", "In a word.");
        Assert.Equal(2 * 2, File.ReadAllLines(folder["out/answers.jsonl"]).Length);
        Assert.Contains("hf download", File.ReadAllText(folder["out/table.csv"]), StringComparison.Ordinal);

        // what was refused for want of an option is asked when it is given, and with another one again
        Succeed(folder, "--method", "uniform", "--method", $"cdpruner clip={clip}", "--keep", "6", "--instruction", "In a word.");
        var answers = File.ReadAllLines(folder["out/answers.jsonl"]).Skip(4).Select(line => JsonDocument.Parse(line).RootElement).ToList();
        Assert.Equal(expected, answers.Select(a => a.GetProperty("answer").GetString()));
        Assert.All(answers, a => Assert.Equal($"cdpruner clip={clip}", a.GetProperty("method").GetString()));
        Succeed(folder, "--method", "uniform", "--method", $"cdpruner clip={clip}", "--keep", "6", "--instruction", "In a word.");
        Assert.Equal(6, File.ReadAllLines(folder["out/answers.jsonl"]).Length);
        Succeed(folder, "--method", $"cdpruner clip={clip} question=Why not?", "--keep", "6", "--instruction", "In a word.");
        Assert.Equal(8, File.ReadAllLines(folder["out/answers.jsonl"]).Length);
    }

    [Fact]
    public void Answers_of_other_conditions_are_not_mixed()
    {
        using var folder = new TemporaryFolder();
        WriteData(folder);
        Succeed(folder, "--method", "uniform", "--keep", "8", "--limit", "1");
        Refused(folder, ["--method", "uniform", "--keep", "8", "--instruction", "Why?"], "instruction 'Answer the question", "now it is 'Why?'");
        File.AppendAllText(folder["data.jsonl"], "\n");
        Refused(folder, ["--method", "uniform", "--keep", "8"], "data '");
        WriteData(folder);
        File.AppendAllText(folder["out/answers.jsonl"], "{\"method\": 1}\n");
        Refused(folder, ["--method", "uniform", "--keep", "8"], "answers.jsonl, line 3");
        File.Delete(folder["out/run.json"]);
        Refused(folder, ["--method", "uniform", "--keep", "8"], "run.json is missing");
    }

    [Theory]
    [InlineData("--method", "fastest", "the methods are")]
    [InlineData("--method", "flowcut ema=1 ema=2", "gives 'ema' twice")]
    [InlineData("--method", "flowcut llm-stage=4", "N@LAYER")]
    [InlineData("--method", "flowcut llm-stage=off llm-stage=4@1", "gives 'llm-stage' twice")]
    [InlineData("--method", "random sed=1", "random has no option 'sed'")]
    [InlineData("--keep", "65", "1 to 64")]
    [InlineData("--limit", "0", "--limit")]
    [InlineData("--format", "coco", "jsonl, pope, vqa, textvqa, gqa")]
    [InlineData("--annotations", "x", "--format vqa")]
    [InlineData("--data", "missing.jsonl", "missing.jsonl: there is no such file")]
    [InlineData("--max-tokens", "0", "--max-tokens")]
    public void Wrong_values_leave_no_folder(string option, string value, string reason)
    {
        using var folder = new TemporaryFolder();
        WriteData(folder);
        string[] usual = ["--data", "data.jsonl", "--keep", "8"];
        var arguments = usual.Chunk(2).Where(pair => pair[0] != option).SelectMany(pair => pair);
        Refusal.AssertMessage(FlowcutCommand.Run(["eval", "--model", Sample.Model, "--device", "cpu", "--out", "out", option, value, .. arguments], folder.FullPath), ExitStatus.BadInput, reason);
        Assert.Equal(["data.jsonl"], folder.Files);
    }

    private static void WriteData(TemporaryFolder folder) => WriteData(folder, [
        (Sample.Picture, "What animal is in the picture?", "cat", "animal"), (Goldens.Require("pictures/rocket.jpg"), "What is it?", "rocket", "thing"), (Sample.Picture, "Which color?", "red", "thing")]);

    private static void WriteData(TemporaryFolder folder, IEnumerable<(string Picture, string Question, string Answer, string Kind)> questions)
    {
        var lines = questions.Select(q => $"{{\"picture\": {Text(q.Picture)}, \"question\": {Text(q.Question)}, \"answers\": [{Text(q.Answer)}], \"kind\": {Text(q.Kind)}}}\n");
        folder.Write("data.jsonl", Encoding.UTF8.GetBytes(string.Concat(lines)));
        static string Text(string value) => JsonSerializer.Serialize(value);
    }

    private static CommandResult Succeed(TemporaryFolder folder, params string[] more)
    {
        var result = Run(folder, more);
        Assert.True(result.ExitStatus == 0, result.Error);
        return result;
    }

    private static void Refused(TemporaryFolder folder, string[] more, params string[] named) => Refusal.AssertMessage(Run(folder, more), ExitStatus.BadInput, named);

    private static CommandResult Run(TemporaryFolder folder, string[] more) => FlowcutCommand.Run(
        ["eval", "--model", Sample.Model, "--device", "cpu", "--data", "data.jsonl", "--max-tokens", "6", "--out", "out", .. more], folder.FullPath);

    private static IEnumerable<string> WithoutTimes(string csv)
    {
        var lines = csv.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(l => l.Split(',')).ToList();
        var timed = s_times.Select(t => Array.IndexOf(lines[0], t)).ToArray();
        Assert.DoesNotContain(-1, timed);
        return [.. lines.Select(line => string.Join(',', line.Where((_, i) => !timed.Contains(i))))];
    }
}

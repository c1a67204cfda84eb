using System.Text;
using FlowCut.Cli.Evaluation;
using FlowCut.Cli.Tests.Infrastructure;
using FlowCut.Models;

namespace FlowCut.Cli.Tests.Evaluation;

/// <summary>Each format as it is published, and what is wrong with a file that is none.</summary>
public sealed class DataFormatTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public DataFormatTests()
    {
        _folder.MakeFolder("images");
        foreach (var picture in new[] { "a.jpg", "a.png", "COCO_val2014_000000000042.jpg" }) _folder.Write($"images/{picture}");
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Jsonl()
    {
        var questions = Read("jsonl", """
            {"picture": "images/a.png", "question": "What is it?", "answers": ["a cat", "cat"], "kind": "animal"}

            {"id": "second", "picture": "images/a.png", "question": "How many?", "answers": [3]}
            """, images: "");
        Assert.Equal(["1", "second"], questions.Select(q => q.Id));
        Assert.Equal(_folder["images/a.png"], questions[0].Picture);
        Assert.Equal(("What is it?", "animal"), (questions[0].Text, questions[0].Kind));
        Assert.Equal(["a cat", "cat"], questions[0].Answers);
        Assert.Null(questions[1].Kind);
        Assert.Equal(["3"], questions[1].Answers);
    }

    [Fact]
    public void Pope()
    {
        var question = Assert.Single(Read("pope", """{"question_id": 7, "image": "COCO_val2014_000000000042.jpg", "text": "Is there a dog in the image?", "label": "no"}"""));
        Assert.Equal(("7", "Is there a dog in the image?"), (question.Id, question.Text));
        Assert.Equal(_folder["images/COCO_val2014_000000000042.jpg"], question.Picture);
        Assert.Equal(["no"], question.Answers);
    }

    [Fact]
    public void Vqa()
    {
        var annotations = WriteText("annotations.json", $$"""
            {"annotations": [{"question_id": 42000, "answer_type": "other", "answers": [{{string.Join(", ", Enumerable.Range(1, 10).Select(i => $$"""{"answer": "red", "answer_id": {{i}}}"""))}}]}]}
            """);
        var question = Assert.Single(Read("vqa", """{"data_subtype": "val2014", "questions": [{"image_id": 42, "question": "What color?", "question_id": 42000}]}""", annotations));
        Assert.Equal(_folder["images/COCO_val2014_000000000042.jpg"], question.Picture);
        Assert.Equal(("42000", "other"), (question.Id, question.Kind));
        Assert.Equal(Enumerable.Repeat("red", 10), question.Answers);
    }

    [Fact]
    public void TextVqa()
    {
        var question = Assert.Single(Read("textvqa", """{"data": [{"question_id": 5, "image_id": "a", "question": "What does it say?", "answers": ["1","2","3","4","5","6","7","8","9","stop"]}]}"""));
        Assert.Equal(("5", _folder["images/a.jpg"]), (question.Id, question.Picture));
        Assert.Equal("stop", question.Answers[9]);
    }

    [Fact]
    public void Gqa()
    {
        var question = Assert.Single(Read("gqa", """{"201": {"imageId": "a", "question": "Is it red?", "answer": "yes", "types": {"structural": "verify"}}}"""));
        Assert.Equal(("201", _folder["images/a.jpg"], "Is it red?", "verify"), (question.Id, question.Picture, question.Text, question.Kind));
        Assert.Equal(["yes"], question.Answers);
    }

    [Theory]
    [InlineData("jsonl", "", "no questions")]
    [InlineData("jsonl", "{\"picture\": \"a.png\", \"question\": \"?\", \"answers\": [\"x\"]}\n\n{\"picture\": ", "line 3")]
    [InlineData("jsonl", "[]", "line 1")]
    [InlineData("jsonl", "{\"picture\": \"a.png\", \"question\": \"?\", \"answers\": []}", "line 1: 'answers'")]
    [InlineData("jsonl", "{\"picture\": \"a.png\", \"answers\": [\"x\"]}", "line 1: 'question'")]
    [InlineData("jsonl", "{\"picture\": \"none.png\", \"question\": \"?\", \"answers\": [\"x\"]}", "none.png")]
    [InlineData("pope", "{\"question_id\": 1, \"image\": \"a.png\", \"text\": \"?\", \"label\": \"maybe\"}", "'maybe'")]
    [InlineData("textvqa", "{}", "'data'")]
    [InlineData("textvqa", "{\"data\": [{\"question_id\": 1, \"image_id\": \"a\", \"question\": \"?\", \"answers\": [\"x\"]}]}", "1 answers")]
    [InlineData("textvqa", "{\"data\": [{\"question_id\": 1, \"image_id\": \"a\", \"question\": \"?\"}]}", "no answers")]
    [InlineData("gqa", "[]", "id by id")]
    [InlineData("gqa", "{\"9\": {\"imageId\": \"a\", \"question\": \"?\"}}", "question 9: 'answer'")]
    [InlineData("vqa", "{\"questions\": []}", "--annotations")]
    public void What_is_wrong_is_said(string format, string text, string reason) =>
        Assert.Contains(reason, Assert.Throws<InputException>(() => Read(format, text)).Message, StringComparison.Ordinal);

    [Fact]
    public void One_id_is_one_question()
    {
        const string line = """{"id": "x", "picture": "a.png", "question": "?", "answers": ["y"]}""";
        Assert.Contains("'x'", Assert.Throws<InputException>(() => Read("jsonl", $"{line}\n{line}")).Message, StringComparison.Ordinal);
    }

    private IReadOnlyList<Question> Read(string format, string text, string? annotations = null, string images = "images") =>
        DataFormat.Find(format).Read(new DataFiles(WriteText("data", text), annotations, Path.TrimEndingDirectorySeparator(_folder[images])), null);

    private string WriteText(string name, string text) => _folder.Write(name, Encoding.UTF8.GetBytes(text));
}

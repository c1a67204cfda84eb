using System.Globalization;
using System.Text.Json;
using FlowCut.Models;

namespace FlowCut.Cli.Evaluation;

/// <summary>The formats one by one, each as its publisher lays it out.</summary>
internal static class DataReaders
{
    /// <summary>This project's own: {"id"?, "picture", "question", "answers": [..], "kind"?} a line. Without an id a question is its line's number.</summary>
    public static IEnumerable<Question> JsonLines(DataFiles files)
    {
        var number = 0;
        foreach (var line in JsonSource.Lines(files.File))
        {
            number++;
            var answers = line.Texts("answers");
            if (answers.Count == 0) throw new InputException($"{line.Where}: 'answers' has to be a list of texts that is not empty");
            yield return new Question(
                line.OptionalText("id") ?? number.ToString(CultureInfo.InvariantCulture),
                Path.Combine(files.Images, line.Text("picture")), line.Text("question"), answers, line.OptionalText("kind"));
        }
    }

    /// <summary>POPE: {"question_id", "image", "text", "label": "yes"|"no"} a line.</summary>
    public static IEnumerable<Question> Pope(DataFiles files)
    {
        foreach (var line in JsonSource.Lines(files.File))
        {
            var label = line.Text("label");
            if (label is not ("yes" or "no")) throw new InputException($"{line.Where}: 'label' is yes or no, not '{label}'");
            yield return new Question(line.Text("question_id"), Path.Combine(files.Images, line.Text("image")), line.Text("text"), [label], null);
        }
    }

    /// <summary>VQAv2: questions and annotations in two files, joined by question_id; pictures are COCO's. The kind is answer_type.</summary>
    public static IEnumerable<Question> Vqa(DataFiles files)
    {
        var annotations = new Dictionary<string, JsonPlace>(StringComparer.Ordinal);
        foreach (var annotation in JsonSource.Document(files.Annotations!).Items("annotations")) annotations[annotation.Text("question_id")] = annotation;
        var document = JsonSource.Document(files.File);
        var part = document.OptionalText("data_subtype") ?? "val2014";
        foreach (var question in document.Items("questions"))
        {
            var id = question.Text("question_id");
            if (!annotations.TryGetValue(id, out var annotation)) throw new InputException($"{files.Annotations}: there is no annotation of question {id}");
            yield return new Question(
                id, Path.Combine(files.Images, $"COCO_{part}_{question.Text("image_id").PadLeft(12, '0')}.jpg"), question.Text("question"),
                [.. annotation.Items("answers").Select(a => a.Text("answer"))], annotation.OptionalText("answer_type"));
        }
    }

    /// <summary>TextVQA: {"data": [{"question_id", "image_id", "question", "answers": [..]}]}; pictures are image_id.jpg.</summary>
    public static IEnumerable<Question> TextVqa(DataFiles files) => JsonSource.Document(files.File).Items("data").Select(item => new Question(
        item.Text("question_id"), Path.Combine(files.Images, $"{item.Text("image_id")}.jpg"), item.Text("question"), item.Texts("answers"), null));

    /// <summary>GQA: {id: {"imageId", "question", "answer"}}; pictures are imageId.jpg. The kind is the structural type, where there is one.</summary>
    public static IEnumerable<Question> Gqa(DataFiles files)
    {
        var document = JsonSource.Document(files.File);
        if (document.Value.ValueKind != JsonValueKind.Object) throw new InputException($"{files.File}: GQA's questions are one JSON object, id by id");
        foreach (var entry in document.Value.EnumerateObject())
        {
            var item = new JsonPlace(entry.Value, $"{files.File}, question {entry.Name}");
            yield return new Question(entry.Name, Path.Combine(files.Images, $"{item.Text("imageId")}.jpg"), item.Text("question"), [item.Text("answer")], KindOf(item));
        }
    }

    private static string? KindOf(JsonPlace item) =>
        item.Value.TryGetProperty("types", out var types) ? new JsonPlace(types, item.Where).OptionalText("structural") : null;
}

using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using FlowCut.Models;

namespace FlowCut.Cli.Evaluation;

/// <summary>An answer and what it cost; a line of the answers' file.</summary>
/// <param name="Method">That pruned, or <see cref="Contender.Whole"/>.</param>
/// <param name="Keep">Its budget; null where nothing is pruned.</param>
/// <param name="Question">Its id.</param>
/// <param name="Text">What the model said.</param>
/// <param name="VisualTokens">Average over the layers of the language model.</param>
/// <param name="VisionMs">Of encoder and connector, measured once where questions share a picture.</param>
/// <param name="PrefillMs">Of reading the prompt.</param>
/// <param name="DecodeMs">Of the answer's tokens.</param>
/// <param name="CacheBytes">Of keys and values, room for the answer included.</param>
internal sealed record RecordedAnswer(
    string Method, int? Keep, string Question, string Text, double VisualTokens, double VisionMs, double PrefillMs, double DecodeMs, long CacheBytes)
{
    /// <summary>The method's options, see <see cref="Contender.Settings"/>; a line without them has none.</summary>
    public string Settings { get; init; } = "";

    /// <summary>Without the line's end.</summary>
    public string ToLine()
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("method", Method);
            if (Keep is { } keep) json.WriteNumber("keep", keep);
            else json.WriteNull("keep");
            if (Settings.Length > 0) json.WriteString("set", Settings);
            json.WriteString("question", Question);
            json.WriteString("answer", Text);
            json.WriteNumber("visual_tokens", VisualTokens);
            json.WriteNumber("vision_ms", VisionMs);
            json.WriteNumber("prefill_ms", PrefillMs);
            json.WriteNumber("decode_ms", DecodeMs);
            json.WriteNumber("cache_bytes", CacheBytes);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    /// <exception cref="InputException">It is no such line.</exception>
    public static RecordedAnswer Parse(JsonPlace line)
    {
        var value = line.Value;
        try
        {
            return new RecordedAnswer(
                value.GetProperty("method").GetString()!,
                value.GetProperty("keep") is { ValueKind: JsonValueKind.Number } keep ? keep.GetInt32() : null,
                value.GetProperty("question").GetString()!,
                value.GetProperty("answer").GetString()!,
                value.GetProperty("visual_tokens").GetDouble(),
                value.GetProperty("vision_ms").GetDouble(),
                value.GetProperty("prefill_ms").GetDouble(),
                value.GetProperty("decode_ms").GetDouble(),
                value.GetProperty("cache_bytes").GetInt64())
            {
                Settings = value.TryGetProperty("set", out var settings) ? settings.GetString()! : "",
            };
        }
        catch (Exception e) when (e is KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new InputException($"{line.Where}: it is no answer that eval wrote; delete the line to have it answered again", e);
        }
    }
}

using System.Globalization;
using System.Text;
using System.Text.Json;

namespace FlowCut.DeviceRunner;

/// <summary>What flowcut bench wrote about a model, under the names by which peers call the same work.</summary>
internal static class ModelRows
{
    private const int NextTokens = 2880;

    public static string Convert(string bench)
    {
        using var document = JsonDocument.Parse(bench);
        var root = document.RootElement;
        var simulated = root.GetProperty("simulated").GetBoolean();
        var text = root.GetProperty("text_tokens").GetInt32();
        // all the same model; the unpruned picture is its first row
        var model = Path.GetFileName(root.GetProperty("model").GetString()!);
        var rows = root.GetProperty("rows").EnumerateArray().ToArray();
        var whole = rows[0].GetProperty("visual_tokens").GetInt32();
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteString("peer", "flowcut");
            json.WriteString("device", root.GetProperty("device").GetString());
            json.WriteStartArray("rows");
            foreach (var row in rows)
            {
                json.WriteStartObject();
                json.WriteString("name", Name(row.GetProperty("part").GetString()!, row.GetProperty("visual_tokens").GetInt32(), model, whole, text));
                json.WriteString("variant", "flowcut");
                if (simulated)
                {
                    json.WriteString("note", "simulator: no timing");
                }
                else
                {
                    foreach (var quantile in new[] { "median", "p10", "p90" }) json.WriteNumber($"{quantile}_us", row.GetProperty($"{quantile}_ms").GetDouble() * 1000);
                    if (row.TryGetProperty("of_ceiling", out var share)) json.WriteNumber("of_roofline", share.GetDouble());
                }

                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteStartArray("skipped");
            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static string Name(string part, int tokens, string model, int whole, int text) => part switch
    {
        "vision" => $"vision {(model == "llava-1.5-7b" ? "clip-l-336" : model)} {(tokens == whole ? "unpruned" : string.Create(CultureInfo.InvariantCulture, $"keep {tokens}"))} f16",
        "prefill" => string.Create(CultureInfo.InvariantCulture, $"prefill {model} {tokens} visual + {text} text f16"),
        // further prompts are those of LLaVA-NeXT's decoder, which is LLaVA-1.5's
        "prompt" => string.Create(CultureInfo.InvariantCulture, $"prefill {(tokens <= NextTokens + text && model == "llava-1.5-7b" ? "llava-next-7b" : model)} {tokens - text} visual + {text} text f16"),
        "decode" when tokens == whole => $"decode {model} f16",
        _ => string.Create(CultureInfo.InvariantCulture, $"{part} {model} after {tokens} visual + {text} text f16"),
    };
}

using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using FlowCut.Models;
using FlowCut.Models.Backends.Cuda;
using FlowCut.Models.Checkpoints;
using FlowCut.Models.Generation;

namespace FlowCut.Cli;

/// <summary>The facts of an answer: as the JSON object that scripts rely on, or as a line for people.</summary>
internal sealed class AnswerReport(VisionLanguageModel model, GenerationOptions options, Answer answer, string text, double loadMilliseconds)
{
    public string ToJson()
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("text", text);
            json.WriteStartArray("ids");
            foreach (var id in answer.Tokens) json.WriteNumberValue(id);
            json.WriteEndArray();
            json.WriteString("finish", answer.Finish switch { FinishReason.End => "eos", FinishReason.Cancelled => "cancelled", _ => "length" });
            json.WriteStartObject("tokens");
            json.WriteNumber("image", answer.PictureTokens);
            json.WriteNumber("kept", answer.KeptTokens);
            json.WriteNumber("prompt", answer.PromptLength);
            json.WriteNumber("generated", answer.Tokens.Count);
            json.WriteEndObject();
            json.WriteStartObject("ms");
            WriteMilliseconds(json, "load", loadMilliseconds);
            WriteMilliseconds(json, "preprocess", answer.Times.Preprocess);
            WriteMilliseconds(json, "vision", answer.Times.Vision);
            WriteMilliseconds(json, "prefill", answer.Times.Prefill);
            WriteMilliseconds(json, "decode", answer.Times.Decode);
            json.WriteEndObject();
            if (options.Pruning is { } pruning)
            {
                json.WriteString("method", pruning.Name);
                json.WriteNumber("keep", pruning.Keep);
            }
            else
            {
                json.WriteNull("method");
                json.WriteNull("keep");
            }

            json.WriteString("device", model.Backend.Name);
            json.WriteString("dtype", model.Backend.ActivationType switch
            {
                StoredType.Float16 => "f16",
                StoredType.BFloat16 => "bf16",
                _ => "f32",
            });
            json.WriteNumber("peak_bytes", model.Backend is CudaBackend cuda ? cuda.PeakBytes : PeakBytes());
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    public string ToLine()
    {
        var times = answer.Times;
        var decoded = Math.Max(0, answer.Tokens.Count - 1);
        var rate = times.Decode > 0 && decoded > 0 ? $" ({decoded / times.Decode * 1000:F1} tokens/s)" : "";
        var dropped = answer.PictureTokens - answer.EnteredTokens;
        var saved = dropped > 0 ? $" instead of {answer.PromptLength + dropped}" : "";
        return string.Create(CultureInfo.InvariantCulture,
            $"visual tokens {answer.KeptTokens} of {answer.PictureTokens} · prompt {answer.PromptLength} positions{saved} · generated {answer.Tokens.Count} · preprocess {times.Preprocess:F0} ms · vision {times.Vision:F0} ms · prefill {times.Prefill:F0} ms · decode {times.Decode:F0} ms{rate} · KV cache {answer.CacheBytes / 1e6:F1} MB");
    }

    public static long PeakBytes()
    {
        using var process = Process.GetCurrentProcess();
        return process.PeakWorkingSet64;
    }

    private static void WriteMilliseconds(Utf8JsonWriter json, string name, double value) => json.WriteNumber(name, Math.Round(value, 3));
}

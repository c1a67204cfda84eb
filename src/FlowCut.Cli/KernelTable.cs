using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using FlowCut.Kernels;

namespace FlowCut.Cli;

/// <summary>What kernels need, as a table for people or as one JSON object.</summary>
internal sealed class KernelTable(IReadOnlyList<KernelResources> rows, Version nvrtc, double milliseconds)
{
    public string ToText()
    {
        var text = new StringBuilder();
        text.AppendLine("arch     regs  spill  stack  shared    ms  kernel and configuration");
        foreach (var row in rows)
        {
            text.AppendLine(string.Create(CultureInfo.InvariantCulture,
                $"{row.Architecture,-7} {row.Registers,5} {row.SpillBytes,6} {row.StackBytes,6} {row.StaticSharedBytes + row.DynamicSharedBytes,7} {row.Milliseconds,5:F0}  {row.Kernel} {row.Config}"));
        }

        text.Append(string.Create(CultureInfo.InvariantCulture, $"{rows.Count} kernels compiled by NVRTC {nvrtc} in {milliseconds / 1000:F1} s; {rows.Count(r => r.SpillBytes > 0)} of them spill registers"));
        return text.ToString();
    }

    public string ToJson()
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            json.WriteString("nvrtc", nvrtc.ToString());
            json.WriteNumber("ms", Math.Round(milliseconds, 1));
            json.WriteStartArray("kernels");
            foreach (var row in rows) Write(json, row);
            json.WriteEndArray();
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(stream.ToArray());
    }

    private static void Write(Utf8JsonWriter json, KernelResources row)
    {
        json.WriteStartObject();
        json.WriteString("kernel", row.Kernel);
        json.WriteString("source", row.Source);
        json.WriteString("config", row.Config);
        json.WriteString("arch", row.Architecture);
        json.WriteNumber("registers", row.Registers);
        json.WriteNumber("spill_bytes", row.SpillBytes);
        json.WriteNumber("stack_bytes", row.StackBytes);
        json.WriteNumber("static_shared_bytes", row.StaticSharedBytes);
        json.WriteNumber("dynamic_shared_bytes", row.DynamicSharedBytes);
        json.WriteNumber("parameter_bytes", row.ParameterBytes);
        json.WriteNumber("ms", Math.Round(row.Milliseconds, 1));
        json.WriteEndObject();
    }
}

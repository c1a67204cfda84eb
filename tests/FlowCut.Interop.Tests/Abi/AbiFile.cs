using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using FlowCut.Testing;

namespace FlowCut.Interop.Tests.Abi;

/// <summary>
/// Facts that were generated from the vendor's headers: <c>abi.json</c> beside this file, the part of <c>../shared/cuda/abi.json</c> that the
/// bindings need. With FLOWCUT_UPDATE_ABI=1 the tests write it anew from the complete file.
/// </summary>
internal static class AbiFile
{
    private static readonly JsonSerializerOptions OneLine = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>CUDA majors of the file.</summary>
    public static readonly string[] Majors = ["12", "13"];

    public static string Path { get; } = System.IO.Path.Combine(Goldens.Repository, "tests", "FlowCut.Interop.Tests", "Abi", "abi.json");

    /// <summary>The extract that travels with the repository.</summary>
    public static JsonObject Extract { get; } = Load();

    public static JsonObject Function(string api) => Entry("functions", api);

    public static JsonObject Enum(string name) => Entry("enums", name);

    public static JsonObject Struct(string name) => Entry("structs", name);

    /// <summary>The part of the complete file that the bindings need.</summary>
    public static JsonObject Cut(JsonObject complete)
    {
        var extract = new JsonObject { ["about"] = complete["about"]!.DeepClone(), ["libraries"] = complete["libraries"]!.DeepClone() };
        foreach (var (section, names) in AbiNeeds.Sections)
        {
            var part = new JsonObject();
            foreach (var name in names.Order(StringComparer.Ordinal))
                part[name] = complete[section]![name]?.DeepClone() ?? throw new InvalidDataException($"The complete file has no {section} '{name}'.");
            extract[section] = part;
        }

        return extract;
    }

    /// <summary>One line per entry, so that a difference is one line too.</summary>
    public static string Format(JsonObject extract)
    {
        var sections = extract.Select(section => section.Value is JsonObject entries
            ? $"{JsonSerializer.Serialize(section.Key)}: {{\n{string.Join(",\n", entries.Select(entry => $"  {JsonSerializer.Serialize(entry.Key)}: {entry.Value!.ToJsonString(OneLine)}"))}\n}}"
            : $"{JsonSerializer.Serialize(section.Key)}: {section.Value!.ToJsonString(OneLine)}");
        return $"{{\n{string.Join(",\n", sections)}\n}}\n";
    }

    private static JsonObject Load()
    {
        if (Environment.GetEnvironmentVariable("FLOWCUT_UPDATE_ABI") == "1")
            File.WriteAllText(Path, Format(Cut(JsonNode.Parse(File.ReadAllText(CudaReference.Require("abi.json")))!.AsObject())));
        return JsonNode.Parse(File.ReadAllText(Path))!.AsObject();
    }

    private static JsonObject Entry(string section, string name) =>
        Extract[section]![name]?.AsObject() ?? throw new InvalidDataException($"The extract has no {section} '{name}': run the tests once with FLOWCUT_UPDATE_ABI=1.");
}

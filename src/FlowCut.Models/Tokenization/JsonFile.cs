using System.Text.Json;

namespace FlowCut.Models.Tokenization;

/// <summary>A JSON file and typed access to it; whatever is not as expected is a <see cref="ModelFormatException"/> that names file and place.</summary>
internal sealed class JsonFile : IDisposable
{
    private readonly JsonDocument _document;

    private JsonFile(string path, JsonDocument document)
    {
        Path = path;
        _document = document;
    }

    public string Path { get; }

    public JsonElement Root => _document.RootElement;

    public static JsonFile Parse(string path, byte[] bytes)
    {
        try
        {
            return new JsonFile(path, JsonDocument.Parse(bytes, new JsonDocumentOptions { AllowDuplicateProperties = false }));
        }
        catch (JsonException e)
        {
            throw new ModelFormatException(path, $"not valid JSON: {e.Message}", e);
        }
    }

    public void Dispose() => _document.Dispose();

    /// <summary>The property's value; null where the property is absent or null.</summary>
    /// <param name="element">Must be an object.</param>
    /// <param name="name">Name of the property.</param>
    /// <param name="where">How errors call <paramref name="element"/>.</param>
    public JsonElement? Find(JsonElement element, string name, string where)
    {
        if (element.ValueKind != JsonValueKind.Object) throw Unexpected(where, "an object", element);
        return element.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }

    public JsonElement Require(JsonElement element, string name, string where) =>
        Find(element, name, where) ?? throw new ModelFormatException(Path, $"{where} has no '{name}'");

    public string Text(JsonElement element, string where)
    {
        if (element.ValueKind != JsonValueKind.String) throw Unexpected(where, "a string", element);
        try
        {
            return element.GetString()!;
        }
        catch (InvalidOperationException e)
        {
            throw new ModelFormatException(Path, $"{where} is not valid Unicode", e);
        }
    }

    public string NameOf(JsonProperty property, string where)
    {
        try
        {
            return property.Name;
        }
        catch (InvalidOperationException e)
        {
            throw new ModelFormatException(Path, $"a name in {where} is not valid Unicode", e);
        }
    }

    public bool Flag(JsonElement element, string where) => element.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Unexpected(where, "true or false", element),
    };

    public int Number(JsonElement element, string where)
    {
        if (element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out var value)) return value;
        throw Unexpected(where, "a 32-bit integer", element);
    }

    public JsonElement.ArrayEnumerator Items(JsonElement element, string where) =>
        element.ValueKind == JsonValueKind.Array ? element.EnumerateArray() : throw Unexpected(where, "an array", element);

    public JsonElement.ObjectEnumerator Members(JsonElement element, string where) =>
        element.ValueKind == JsonValueKind.Object ? element.EnumerateObject() : throw Unexpected(where, "an object", element);

    public string? FindText(JsonElement element, string name, string where) =>
        Find(element, name, where) is { } value ? Text(value, $"{where}.{name}") : null;

    public bool FindFlag(JsonElement element, string name, string where, bool otherwise) =>
        Find(element, name, where) is { } value ? Flag(value, $"{where}.{name}") : otherwise;

    public ModelFormatException Error(string reason) => new(Path, reason);

    private ModelFormatException Unexpected(string where, string expected, JsonElement element) =>
        Error($"{where} must be {expected}, not {element.ValueKind}");
}

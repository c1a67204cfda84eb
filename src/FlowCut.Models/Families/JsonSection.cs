using System.Text.Json;

namespace FlowCut.Models.Families;

/// <summary>An object of a configuration file, read strictly: a key that is missing or of the wrong kind is an error that names it.</summary>
internal readonly struct JsonSection
{
    private readonly string _file;
    private readonly string _path;
    private readonly JsonElement _element;

    private JsonSection(string file, string path, JsonElement element)
    {
        _file = file;
        _path = path;
        _element = element;
    }

    public static JsonSection Read(string file)
    {
        byte[] bytes;
        try
        {
            bytes = File.ReadAllBytes(file);
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new ModelFormatException(file, "the file is missing", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ModelFormatException(file, $"cannot be read: {e.Message}", e);
        }

        try
        {
            using var document = JsonDocument.Parse(bytes, new JsonDocumentOptions { AllowDuplicateProperties = false });
            if (document.RootElement.ValueKind != JsonValueKind.Object)
                throw new ModelFormatException(file, $"holds a JSON {document.RootElement.ValueKind}, expected an object");
            return new JsonSection(file, "", document.RootElement.Clone());
        }
        catch (JsonException e)
        {
            throw new ModelFormatException(file, $"is not valid JSON: {e.Message}", e);
        }
    }

    public string FileName => _file;

    public bool IsObject(string key) => _element.TryGetProperty(key, out var value) && value.ValueKind == JsonValueKind.Object;

    public bool Has(string key) => _element.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null;

    public JsonSection Section(string key)
    {
        var value = Require(key);
        return value.ValueKind == JsonValueKind.Object ? new JsonSection(_file, _path + key + ".", value) : throw Wrong(key, value, "an object");
    }

    /// <summary>A whole number of at least <paramref name="minimum"/>.</summary>
    public int Int(string key, int minimum = 1)
    {
        var value = Require(key);
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetInt32(out var number)) throw Wrong(key, value, "a whole number");
        return number >= minimum ? number : throw Error($"'{_path}{key}' is {number}, expected {minimum} or more");
    }

    public int Int(string key, int minimum, int fallback) => Has(key) ? Int(key, minimum) : fallback;

    public float Float(string key)
    {
        var value = Require(key);
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetSingle(out var number) || !float.IsFinite(number)) throw Wrong(key, value, "a number");
        return number;
    }

    public double Double(string key)
    {
        var value = Require(key);
        return value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && double.IsFinite(number) ? number : throw Wrong(key, value, "a number");
    }

    /// <summary>A list of exactly <paramref name="count"/> numbers.</summary>
    public float[] Floats(string key, int count)
    {
        var value = Require(key);
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() != count) throw Wrong(key, value, $"a list of {count} numbers");
        var numbers = new float[count];
        for (var i = 0; i < count; i++)
        {
            if (value[i].ValueKind != JsonValueKind.Number || !value[i].TryGetSingle(out numbers[i]) || !float.IsFinite(numbers[i])) throw Wrong(key, value, $"a list of {count} numbers");
        }

        return numbers;
    }

    /// <summary>A number above 0.</summary>
    public float Positive(string key)
    {
        var number = Float(key);
        return number > 0 ? number : throw Error($"'{_path}{key}' is {number}, expected a number above 0");
    }

    public string String(string key)
    {
        var value = Require(key);
        return value.ValueKind == JsonValueKind.String ? value.GetString()! : throw Wrong(key, value, "a string");
    }

    public bool Bool(string key, bool fallback)
    {
        if (!Has(key)) return fallback;
        var value = Require(key);
        return value.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw Wrong(key, value, "true or false"),
        };
    }

    /// <summary>One whole number or a list of them.</summary>
    public int[] Ints(string key)
    {
        var value = Require(key);
        if (value.ValueKind == JsonValueKind.Number) return [Int(key, int.MinValue)];
        if (value.ValueKind != JsonValueKind.Array) throw Wrong(key, value, "a whole number or a list of them");
        var numbers = new List<int>();
        foreach (var item in value.EnumerateArray())
            numbers.Add(item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out var number) ? number : throw Wrong(key, value, "a list of whole numbers"));
        return [.. numbers];
    }

    /// <summary>A list, not empty, of pairs of whole numbers above 0.</summary>
    public (int First, int Second)[] Pairs(string key)
    {
        const string Expected = "a list of pairs of whole numbers above 0";
        var value = Require(key);
        if (value.ValueKind != JsonValueKind.Array || value.GetArrayLength() == 0) throw Wrong(key, value, Expected);
        var pairs = new List<(int, int)>();
        foreach (var item in value.EnumerateArray())
        {
            if (item.ValueKind != JsonValueKind.Array || item.GetArrayLength() != 2 || item.EnumerateArray().Any(n => n.ValueKind != JsonValueKind.Number || !n.TryGetInt32(out var number) || number < 1))
                throw Wrong(key, item, Expected);
            pairs.Add((item[0].GetInt32(), item[1].GetInt32()));
        }

        return [.. pairs];
    }

    /// <summary>The one value that is supported; an absent key counts as it where <paramref name="required"/> is false.</summary>
    public void Expect(string key, string supported, bool required = true)
    {
        if (!required && !Has(key)) return;
        var value = String(key);
        if (value != supported) throw Error($"'{_path}{key}' is '{value}', only '{supported}' is supported");
    }

    public ModelFormatException Error(string reason) => new(_file, reason);

    private JsonElement Require(string key) =>
        _element.TryGetProperty(key, out var value) && value.ValueKind != JsonValueKind.Null ? value : throw Error($"the key '{_path}{key}' is missing");

    private ModelFormatException Wrong(string key, JsonElement value, string expected) =>
        Error($"'{_path}{key}' is a JSON {value.ValueKind} or out of range, expected {expected}");
}

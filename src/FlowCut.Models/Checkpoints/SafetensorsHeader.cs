using System.Text.Json;

namespace FlowCut.Models.Checkpoints;

/// <summary>One tensor of a header. Offsets are from the start of the data.</summary>
internal readonly record struct SafetensorsEntry(string Name, ElementFormat Format, long[] Shape, long Begin, long End);

/// <summary>The JSON header of a safetensors file: what it says, each entry checked by itself.</summary>
internal sealed class SafetensorsHeader
{
    public const string MetadataKey = "__metadata__";

    // header → tensor → shape
    private const int MaxDepth = 3;

    private SafetensorsHeader(List<SafetensorsEntry> tensors, Dictionary<string, string> metadata)
    {
        Tensors = tensors;
        Metadata = metadata;
    }

    public List<SafetensorsEntry> Tensors { get; }

    public Dictionary<string, string> Metadata { get; }

    /// <param name="path">For messages.</param>
    /// <param name="json">Valid UTF-8.</param>
    /// <exception cref="ModelFormatException">A key, type or number is not what the format allows.</exception>
    /// <exception cref="JsonException">The text is not JSON or is nested too deeply.</exception>
    /// <exception cref="InvalidOperationException">An escape sequence is half of a surrogate pair.</exception>
    public static SafetensorsHeader Parse(string path, ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = MaxDepth });
        var tensors = new List<SafetensorsEntry>();
        var names = new HashSet<string>(StringComparer.Ordinal);
        Dictionary<string, string> metadata = [];
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var name = reader.GetString()!;
            if (!names.Add(name)) throw new ModelFormatException(path, $"the header has {Quoted.Text(name)} twice");
            reader.Read();
            if (name == MetadataKey)
            {
                metadata = ParseMetadata(path, ref reader);
                continue;
            }

            if (tensors.Count == SafetensorsReader.MaxTensors)
                throw new ModelFormatException(path, $"the header has more than {SafetensorsReader.MaxTensors} tensors");
            tensors.Add(new EntryParser(path, name).Parse(ref reader));
        }

        // what follows the closing brace: white space, or the reader throws
        reader.Read();
        return new SafetensorsHeader(tensors, metadata);
    }

    private static Dictionary<string, string> ParseMetadata(string path, ref Utf8JsonReader reader)
    {
        if (reader.TokenType != JsonTokenType.StartObject)
            throw new ModelFormatException(path, $"{MetadataKey} in the header is not an object");
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!;
            reader.Read();
            if (reader.TokenType != JsonTokenType.String)
                throw new ModelFormatException(path, $"{MetadataKey} entry {Quoted.Text(key)} in the header is not a string");
            if (!metadata.TryAdd(key, reader.GetString()!))
                throw new ModelFormatException(path, $"{MetadataKey} in the header has {Quoted.Text(key)} twice");
        }

        return metadata;
    }

    private struct EntryParser(string path, string name)
    {
        private ElementFormat? _format;
        private long[]? _shape;
        private long[]? _offsets;

        public SafetensorsEntry Parse(ref Utf8JsonReader reader)
        {
            if (reader.TokenType != JsonTokenType.StartObject) throw Wrong("is not described by an object");
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var field = reader.GetString()!;
                reader.Read();
                ParseField(field, ref reader);
            }

            var format = _format ?? throw Wrong("has no 'dtype'");
            var shape = _shape ?? throw Wrong("has no 'shape'");
            var offsets = _offsets ?? throw Wrong("has no 'data_offsets'");
            if (offsets.Length != 2) throw Wrong($"has {offsets.Length} data offsets, expected 2");
            if (offsets[1] < offsets[0]) throw Wrong($"ends at data offset {offsets[1]}, before its begin at {offsets[0]}");
            if (!StoredTypes.TryByteLength(shape, format.Bits, out var byteLength))
                throw Wrong($"of type {format.Name} and shape {Text(shape)} has no valid size in bytes");
            if (byteLength != offsets[1] - offsets[0])
                throw Wrong($"of type {format.Name} and shape {Text(shape)} needs {byteLength} bytes, data offsets {offsets[0]} to {offsets[1]} give it {offsets[1] - offsets[0]}");
            return new SafetensorsEntry(name, format, shape, offsets[0], offsets[1]);
        }

        private void ParseField(string field, ref Utf8JsonReader reader)
        {
            switch (field)
            {
                case "dtype" when _format is null:
                    var type = reader.TokenType == JsonTokenType.String ? reader.GetString()! : throw Wrong("has a 'dtype' that is not a string");
                    if (!StoredTypes.TryParse(type, out var format)) throw Wrong($"has the unknown type {Quoted.Text(type)}");
                    _format = format;
                    break;
                case "shape" when _shape is null:
                    _shape = ParseSizes(field, ref reader);
                    break;
                case "data_offsets" when _offsets is null:
                    _offsets = ParseSizes(field, ref reader);
                    break;
                case "dtype" or "shape" or "data_offsets":
                    throw Wrong($"has '{field}' twice");
                default:
                    throw Wrong($"has the unknown field {Quoted.Text(field)}");
            }
        }

        private readonly long[] ParseSizes(string field, ref Utf8JsonReader reader)
        {
            if (reader.TokenType != JsonTokenType.StartArray) throw Wrong($"has a '{field}' that is not an array");
            var sizes = new List<long>(4);
            while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
            {
                if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out var size) || size < 0)
                    throw Wrong($"has a '{field}' with an entry that is not a whole number from 0 to 2^63 - 1");
                sizes.Add(size);
            }

            return [.. sizes];
        }

        private readonly ModelFormatException Wrong(string what) => new(path, $"tensor {Quoted.Text(name)} {what}");

        // a shape from a hostile header may have millions of extents
        private static string Text(long[] shape) => shape.Length <= 16 ? $"[{string.Join(", ", shape)}]" : $"with {shape.Length} extents";
    }
}

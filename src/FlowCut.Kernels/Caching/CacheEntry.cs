using System.Text.Json.Serialization;

namespace FlowCut.Kernels.Caching;

/// <summary>What stands beside an image: enough to tell whether the image is whole and for a person to see what it is.</summary>
internal sealed record CacheEntry(int Schema, string What, string Architecture, string Compiler, long Bytes, string Sha256);

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(CacheEntry))]
internal sealed partial class CacheJson : JsonSerializerContext;
